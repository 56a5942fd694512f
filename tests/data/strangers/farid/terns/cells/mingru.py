import torch
from torch import Tensor, nn


class MinGRU(nn.Module):
    """A GRU whose gates do not look at the state: h' = (1 - z) h + z c."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.update = nn.Linear(features, width)
        self.candidate = nn.Linear(features, width)
        for gate in (self.update, self.candidate):
            nn.init.orthogonal_(gate.weight, gain=1.0)
            nn.init.ones_(gate.bias)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """One step: x [B, F], h [B, H] -> the state after it, which is the output too."""
        z = torch.sigmoid(self.update(x))
        return torch.lerp(h, torch.tanh(self.candidate(x)), z)
