import torch
import torch.nn as nn
from tensordict import TensorDict
from base import Root


class Forager(Root):  # expect: PF401
    def forward(self, td: TensorDict, state=None, action=None):
        td["values"] = td["env_obs"].float().mean((1, 2))
        td["actions"] = td["values"].long()
        return td

    def reset_memory(self):
        self.lstm = nn.LSTM(64, 64)
