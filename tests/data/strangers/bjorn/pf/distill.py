"""student learns from the teacher's log probs; rows with a large kl are seen more often"""

import torch
import torch.nn.functional as F

from .wrap import Wrap


class Replay:
    def __init__(self, td):
        self.td = td
        self.kl = torch.ones(len(td), device=td.device)

    def bump(self, rows: torch.Tensor, kl: torch.Tensor):
        # refresh what the sampler goes by
        self.kl[rows].copy_(kl)

    def rows(self, n): return self.kl.multinomial(n)


def distill(student: Wrap, data, steps=1000, n=64):
    opt = torch.optim.AdamW(student.parameters(), lr=1e-4)
    mem = Replay(data)
    for i in range(steps):
        rows = mem.rows(n)
        b = mem.td[rows]
        o = student(b.select("env_obs"), action=b["actions"])
        kl = F.kl_div(o["full_log_probs"], b["full_log_probs"], log_target=True, reduction="none").sum((-1, -2))
        loss = kl.mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        student.clip_weights()
        opt.step()
        mem.bump(rows, kl.detach())
        if i % 100 == 0: print(i, loss.item())
