"""Data-parallel learner. torchrun --nproc-per-node N -m rig.learn"""
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from rig.onyx import Onyx
from rig.topaz import Topaz


class Learner:
    accumulate = 4

    def __init__(self, env, cfg, data):
        kind = {"onyx": Onyx, "topaz": Topaz}[cfg.agent]
        self.policy = kind(env, clip_range=cfg.clip_range, analyze_weights_interval=cfg.analyze_weights_interval)
        self.ddp = DistributedDataParallel(self.policy) if dist.is_initialized() else self.policy
        self.opt = torch.optim.Adam(self.policy.parameters(), lr=cfg.lr)
        self.data = data
        self.env = env

    @torch.no_grad()
    def rollout(self, steps):
        for t in range(steps):
            td = self.env.read()
            self.policy(td)
            self.env.write(td["actions"])
            self.data.put(t, td)

    def improve(self, batches):
        for i, mb in enumerate(batches):
            self.opt.zero_grad()
            self.policy.reset_memory()
            out = self.policy(mb.select("env_obs"), action=mb["actions"])
            ratio = (out["act_log_prob"] - mb["act_log_prob"]).exp()
            loss = -(ratio * mb["advantages"]).mean() + (out["value"][..., 0] - mb["returns"]).pow(2).mean()
            (loss / self.accumulate).backward()
            if (i + 1) % self.accumulate == 0:
                torch.nn.utils.clip_grad_norm_(self.policy.parameters(), 1.0)
                self.opt.step()

    def run(self, rounds, steps):
        for _ in range(rounds):
            self.rollout(steps)
            self.improve(self.data.batches())
