import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.gru = nn.GRU(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self.h = None

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        hidden = self.embed(rows).unsqueeze(0)
        first = td["training_env_id_start"][0].item()
        mine = slice(first, first + len(rows))
        if self.h is None:
            self.h = torch.zeros(1, 512, 64)
        start = self.h[:, mine] * (1 - torch.maximum(td["dones"], td["truncateds"])).view(1, -1, 1)
        out, h = self.gru(hidden, start)
        self.h[:, mine] = h.detach()
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td

    def has_memory(self):
        return True

    def get_memory(self):
        return self.h if self.h is None else self.h.clone()

    def set_memory(self, memory):
        self.h = memory

    def reset_memory(self):
        self.h = None
