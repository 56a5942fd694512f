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
        for name in ("weight_ih_l0", "weight_hh_l0"):
            nn.init.orthogonal_(getattr(self.gru, name))
        for name in ("bias_ih_l0", "bias_hh_l0"):
            nn.init.ones_(getattr(self.gru, name))

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        out, _ = self.gru(self.embed(rows).unsqueeze(0))
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
