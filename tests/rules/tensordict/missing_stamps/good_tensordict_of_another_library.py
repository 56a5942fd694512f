import torch.nn as nn
from fieldkit.containers import TensorDict


class Recorder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)

    def forward(self, td: TensorDict):
        hidden = self.embed(td["env_obs"].float().flatten(1)).unsqueeze(0)
        td["values"], _ = self.lstm(hidden)
        return td
