import torch
import torch.nn as nn
from tensordict import TensorDict

class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self.register_buffer("h", torch.zeros(1, 4096, 64))
        self.register_buffer("c", torch.zeros(1, 4096, 64))

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        hidden = self.embed(rows).unsqueeze(0)
        mine = td["training_env_id_start"].view(-1)
        out, (h, c) = self.lstm(hidden, (self.h[:, mine], self.c[:, mine]))
        at = torch.arange(64)[mine]
        self.h = self.h.index_copy(1, at, h)  # expect: PF201
        self.c[:, mine] = c  # expect: PF201
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td

    def reset_memory(self):
        self.h.zero_()
        self.c.zero_()
