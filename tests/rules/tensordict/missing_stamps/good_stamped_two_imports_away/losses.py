"""The trainer flattens and stamps what it trains on."""

import torch

from factory import build


class Clipped:
    def __init__(self, name, env, spec):
        self.policy = build(name, env)
        self.spec = spec

    def run_train(self, minibatch):
        self.policy.reset_memory()
        td = minibatch.select(*self.spec.keys())
        B, T = td.batch_size
        td = td.reshape(B * T)
        td.set("bptt", torch.full((B * T,), T, dtype=torch.long))
        td.set("batch", torch.full((B * T,), B, dtype=torch.long))
        td = self.policy.forward(td, action=minibatch["actions"].reshape(B * T, -1))
        return -(td["act_log_prob"] * minibatch["advantages"].flatten()).mean()
