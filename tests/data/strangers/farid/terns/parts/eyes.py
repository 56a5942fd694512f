import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TokenEyes(nn.Module):
    """[N, M, 3] bytes -> [N, width]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attribute = nn.Embedding(256, width)
        self.row = nn.Embedding(16, width)
        self.column = nn.Embedding(16, width)
        self.out = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        place = tokens[..., 0].long()
        said = self.attribute(tokens[..., 1].long()) + self.row(place >> 4) + self.column(place & 15)
        said = torch.tanh(said) * tokens[..., 2:].float().div(255.0)
        seen = said.masked_fill((place == 255).unsqueeze(-1), 0.0).sum(dim=1)
        return F.silu(self.out(seen))
