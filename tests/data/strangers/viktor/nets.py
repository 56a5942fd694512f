import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def ortho(layer, gain=np.sqrt(2)):
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.constant_(layer.bias, 0)
    return layer


class TokenMLP(nn.Module):
    # every token through one small mlp, then mean over the real ones
    def __init__(self, hidden):
        super().__init__()
        self.l1 = ortho(nn.Linear(3, hidden))
        self.l2 = ortho(nn.Linear(hidden, hidden))

    def forward(self, tok):
        real = (tok[:, :, 0] != 255).float().unsqueeze(2)
        h = F.relu(self.l2(F.relu(self.l1(tok.float() / 255.0)))) * real
        return h.sum(1) / real.sum(1).clamp(min=1)


class GlobalScaler(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.lin = ortho(nn.Linear(600, hidden))

    def forward(self, tok):
        x = tok.reshape(tok.size(0), -1).float()
        peak = x.max()
        if peak > 1:
            x = x / peak
        return torch.tanh(self.lin(x))
