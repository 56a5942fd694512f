import torch
import torch.nn as nn
from tensordict import TensorDict

class Core(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(64, 64)
        self.state = None

    def forward(self, x):
        out, h = self.gru(x, self.state)
        self.state = h.detach()
        return out

    def forget(self):
        self.state = None

class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.core = Core()
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        hidden = self.embed(rows).unsqueeze(0)
        out = self.core(hidden)
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td

    def has_memory(self):
        return True

    def get_memory(self):
        return self.core.state

    def set_memory(self, memory):
        self.core.state = memory

    def reset_memory(self):
        self.core.forget()
