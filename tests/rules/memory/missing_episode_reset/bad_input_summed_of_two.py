import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.norm = nn.LayerNorm(64)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self.state = None

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].shape[0]
        hidden = self.embed(td["env_obs"].float().flatten(1)).view(rows, 1, -1).transpose(0, 1)
        hidden = self.norm(hidden + 0.1 * td["last_reward"].view(rows, 1, 1).transpose(0, 1))
        out, (h, c) = self.lstm(hidden, self.state)  # expect: PF204
        self.state = h.detach(), c.detach()
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
