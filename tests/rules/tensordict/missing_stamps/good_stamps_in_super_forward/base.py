import torch
import torch.nn as nn
from tensordict import TensorDict

class Stamped(nn.Module):
    def forward(self, td: TensorDict):
        td["bptt"] = torch.ones(td.batch_size, dtype=torch.int64)
        td["batch"] = torch.full(td.batch_size, td.numel(), dtype=torch.int64)
        return td
