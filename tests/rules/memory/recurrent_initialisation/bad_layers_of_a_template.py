import torch
import torch.nn as nn
from tensordict import TensorDict

class Template(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.build()

    def build(self):
        raise NotImplementedError


class Forager(Template):  # expect: PF206
    def build(self):
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        nn.init.orthogonal_(self.actor.weight, 0.01)
        self.critic = nn.Linear(64, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        hidden = self.embed(rows).unsqueeze(0)
        out, (h, c) = self.lstm(hidden, state)
        td["h"], td["c"] = h, c
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
