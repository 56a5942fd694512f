"""ppo with amp and gradient accumulation. everything is a closure, state lives in locals"""

import torch
from torch.nn.utils import clip_grad_norm_

from .wrap import Wrap


def collect(pol: Wrap, vec, T):
    out = []
    pol.reset_memory()
    with torch.no_grad():
        for _ in range(T):
            td = pol(vec.recv())
            vec.send(td["actions"])
            out.append(td)
    return torch.stack(out, 1)


def targets(b, g=0.977, l=0.916):
    live = (1 - b["dones"].float()) * (1 - b["truncateds"].float())
    r, v = b["rewards"], b["values"]
    a = torch.zeros_like(r)
    for t in range(r.size(1) - 2, -1, -1):
        n = live[:, t + 1]
        a[:, t] = r[:, t + 1] + g * n * v[:, t + 1] - v[:, t] + g * l * n * a[:, t + 1]
    return a, a + v


def ppo(pol, b, adv, ret, eps=0.1):
    o = pol(b.select("env_obs", "dones", "truncateds"), action=b["actions"])
    r = (o["act_log_prob"] - b["act_log_prob"]).exp()
    a = (adv - adv.mean()) / (adv.std() + 1e-8)
    pg = -torch.minimum(a * r, a * r.clamp(1 - eps, 1 + eps)).mean()
    return pg + 0.22 * (o["value"].squeeze(-1) - ret).pow(2).mean() - 0.002 * o["entropy"].mean()


def train(pol: Wrap, vec, updates, T=64, mb=8, accum=1, lr=4.6e-4):
    opt = torch.optim.Adam(pol.parameters(), lr=lr)
    amp = torch.amp.GradScaler()
    for _ in range(updates):
        b = collect(pol, vec, T)
        adv, ret = targets(b)
        for i, rows in enumerate(torch.randperm(len(b)).chunk(mb * accum)):
            pol.reset_memory()
            with torch.autocast("cuda", dtype=torch.float16):
                loss = ppo(pol, b[rows], adv[rows], ret[rows]) / accum
            amp.scale(loss).backward()
            if (i + 1) % accum: continue
            amp.unscale_(opt)
            clip_grad_norm_(pol.parameters(), 0.5)
            amp.step(opt)
            amp.update()
            pol.clip_weights()
            opt.zero_grad(set_to_none=True)  # after the step, not before the backward: see accum
