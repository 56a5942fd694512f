import torch.nn as nn
from tensordict import TensorDict


class Critic(nn.Module):
    """Writes its estimate, and says nothing of what the trainer reads."""

    def __init__(self, features):
        super().__init__()
        self.value = nn.Linear(features, 1)

    def forward(self, td: TensorDict):
        td["values"] = self.value(td["features"]).flatten()
        return td
