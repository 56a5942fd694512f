import torch
import torch.nn as nn
from tensordict import TensorDict

class Agent(nn.Module):
    def stamp(self, td):
        td["bptt"] = torch.ones(td.batch_size, dtype=torch.int64)
        td["batch"] = torch.full(td.batch_size, td.numel(), dtype=torch.int64)
