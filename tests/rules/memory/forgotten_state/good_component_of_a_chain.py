import torch
import torch.nn as nn
from tensordict import TensorDict

class CoreComponent(nn.Module):
    """One of a chain: its caller stamps, samples and keeps the state."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)

    def forward(self, td: TensorDict):
        rows = td["env_obs"].float().flatten(1)
        hidden = self.embed(rows).unsqueeze(0)
        out, _ = self.lstm(hidden)
        td["core"] = out.squeeze(0)
        return td
