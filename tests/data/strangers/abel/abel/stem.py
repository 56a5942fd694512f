"""What turns a set of tokens into one vector."""
import torch
from torch import Tensor, nn

EMPTY = 255


class TokenStem(nn.Module):
    """Sum over the used tokens, each seen through three small tables."""

    def __init__(self, width: int, dim: int = 24) -> None:
        super().__init__()
        self.place = nn.Embedding(256, dim)
        self.kind = nn.Embedding(256, dim)
        self.level = nn.Linear(1, dim)
        self.merge = nn.Linear(3 * dim, width)

    def forward(self, tokens: Tensor) -> Tensor:
        used = (tokens[..., 0] != EMPTY).unsqueeze(-1)
        ids = tokens.long()
        level = torch.tanh(self.level(tokens[..., 2:].float() / 255.0))
        seen = torch.cat((self.place(ids[..., 0]), self.kind(ids[..., 1]), level), dim=-1)
        seen = torch.relu(self.merge(seen)).masked_fill(~used, 0.0)
        return seen.sum(dim=-2) / used.sum(dim=-2).clamp(min=1)


class GridStem(nn.Module):
    """Tokens written into a box with one spare place for whatever does not belong."""

    def __init__(self, env, width: int) -> None:
        super().__init__()
        self.columns, self.lines = env.obs_width, env.obs_height
        self.sheets = max(env.feature_normalizations) + 1
        scale = torch.ones(self.sheets)
        for index, most in env.feature_normalizations.items():
            scale[index] = max(float(most), 1.0)
        self.register_buffer("scale", scale.view(1, -1, 1, 1), persistent=False)
        self.conv = nn.Conv2d(self.sheets, 16, 3, padding=1)
        self.out = nn.Linear(16 * self.columns * self.lines, width)

    def forward(self, tokens: Tensor) -> Tensor:
        coordinate, kind, level = tokens.long().unbind(dim=-1)
        x, y = coordinate >> 4, coordinate & 15
        fits = (coordinate != EMPTY) & (x < self.columns) & (y < self.lines) & (kind < self.sheets)
        spare = self.sheets * self.columns * self.lines
        flat = (kind * self.columns + x) * self.lines + y
        box = torch.zeros(tokens.shape[0], spare + 1, device=tokens.device)
        box.scatter_(1, torch.where(fits, flat, spare), level.float())
        box = box[:, :spare].view(-1, self.sheets, self.columns, self.lines) / self.scale
        return torch.relu(self.out(torch.relu(self.conv(box)).flatten(1)))
