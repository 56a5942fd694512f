import torch
import torch.nn as nn
from tensordict import TensorDict


class Reader(nn.Module):
    """Its core reads the tokens of one observation: no state of an episode is kept."""

    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(3, 64)
        self.norm = nn.LayerNorm(64)
        self.lstm = nn.LSTM(64, 64, batch_first=True)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self.state = None

    def forward(self, td: TensorDict, state=None, action=None):
        tokens = td["env_obs"]
        used = tokens[..., 0] != 255
        hidden = self.norm(self.embed(tokens.float())) * used.unsqueeze(-1)
        out, (h, c) = self.lstm(hidden + used.float()[..., None], self.state)
        self.state = h.detach(), c.detach()
        out = out[:, -1]
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
