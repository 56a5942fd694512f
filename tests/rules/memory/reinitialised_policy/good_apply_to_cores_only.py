import torch
import torch.nn as nn
from tensordict import TensorDict


def start(module):
    if isinstance(module, nn.RNNBase):
        for name, parameter in module.named_parameters():
            nn.init.zeros_(parameter) if "bias" in name else nn.init.orthogonal_(parameter)


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.gru = nn.GRU(64, 64)
        self.actor = nn.Linear(64, 19)
        nn.init.orthogonal_(self.actor.weight, 0.01)
        self.critic = nn.Linear(64, 1)
        self.apply(start)

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        out, h = self.gru(self.embed(rows).unsqueeze(0), state)
        td["h"] = h
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
