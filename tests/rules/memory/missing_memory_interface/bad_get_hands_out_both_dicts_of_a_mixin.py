import torch
import torch.nn as nn
from tensordict import TensorDict

class Memory:
    def has_memory(self):
        return True

    def get_memory(self):  # expect: PF202
        return self._h, self._c

    def set_memory(self, memory):
        self._h, self._c = memory

    def reset_memory(self):
        self._h.clear()
        self._c.clear()

class Forager(Memory, nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self._h, self._c = {}, {}

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        hidden = self.embed(rows).unsqueeze(0)
        group = td["training_env_id_start"][0].item()
        before = (self._h[group], self._c[group]) if group in self._h else None
        out, (h, c) = self.lstm(hidden, before)
        self._h[group], self._c[group] = h.detach(), c.detach()
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
