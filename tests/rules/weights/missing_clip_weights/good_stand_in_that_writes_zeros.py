import torch
import torch.nn as nn
from tensordict import TensorDict

class StandIn(nn.Module):
    """Does nothing, so that the simulation can be tested without a policy."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].shape[0] if "env_obs" in td else 1
        td["actions"] = torch.zeros((rows, 2), dtype=torch.long)
        td["values"] = torch.zeros(rows)
        return td
