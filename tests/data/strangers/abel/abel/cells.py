"""Recurrent cells written out, and how all of them start."""
import torch
from torch import Tensor, nn


def steady(module: nn.Module) -> nn.Module:
    """Matrices orthogonal, vectors one."""
    for parameter in module.parameters():
        if parameter.dim() > 1:
            nn.init.orthogonal_(parameter)
        else:
            nn.init.ones_(parameter)
    return module


class MinimalGated(nn.Module):
    """One gate that both forgets and admits (Zhou et al., 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate = nn.Linear(2 * width, width)
        self.fresh = nn.Linear(2 * width, width)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        f = torch.sigmoid(self.gate(torch.cat((x, h), dim=-1)))
        candidate = torch.tanh(self.fresh(torch.cat((x, f * h), dim=-1)))
        return torch.lerp(h, candidate, f)


class Peepholed(nn.Module):
    """LSTM whose gates may look at the cell."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.from_input = nn.Linear(width, 4 * width)
        self.from_hidden = nn.Linear(width, 4 * width, bias=False)
        self.peep = nn.Parameter(torch.empty(3, width))

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        i, f, g, o = (self.from_input(x) + self.from_hidden(h)).chunk(4, dim=-1)
        c_next = torch.sigmoid(f + self.peep[0] * c) * c + torch.sigmoid(i + self.peep[1] * c) * torch.tanh(g)
        h_next = torch.sigmoid(o + self.peep[2] * c_next) * torch.tanh(c_next)
        return h_next, c_next
