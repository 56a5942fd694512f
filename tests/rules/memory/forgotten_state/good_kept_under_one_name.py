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
        self.states = {}

    def forward(self, td: TensorDict, state=None, action=None):
        x = self.embed(td["env_obs"].float().flatten(1)).unsqueeze(0)
        slot = "all"
        if slot not in self.states:
            self.states[slot] = (x.new_zeros(1, len(td), 64), x.new_zeros(1, len(td), 64))
        h, c = self.states[slot]
        alive = 1 - torch.maximum(td["dones"], td["truncateds"]).float().view(1, -1, 1)
        out, (h, c) = self.lstm(x, (h * alive, c * alive))
        self.states[slot] = (h.detach(), c.detach())
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
