import torch
from tensordict import TensorDict
from torch import nn


class Runner(nn.Module):
    def __init__(self, env, halve=False):
        super().__init__()
        self.halve = halve
        self.trunk = nn.Linear(600, 64)
        self.pi = nn.Linear(64, 19)

    def forward(self, td: TensorDict, state=None, action=None):
        x = td["env_obs"].flatten(1).float()
        if self.halve:
            x = x / 2
        x = x + 1
        busy = int((x > 1).sum())  # expect: PF701
        log_probs = torch.log_softmax(self.pi(torch.relu(self.trunk(x))), -1)
        td["full_log_probs"] = log_probs
        td["values"] = log_probs.sum(-1) / max(busy, 1)
        return td
