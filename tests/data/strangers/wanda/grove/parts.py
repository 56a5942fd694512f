from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PatchEncoder(nn.Module):
    """Scatter tokens to a grid with one spare cell at the end for everything that has no place."""

    def __init__(self, env, out: int):
        super().__init__()
        self.cols, self.rows = env.obs_width, env.obs_height
        self.count = max(env.feature_normalizations) + 1
        factors = [env.feature_normalizations.get(i, 1.0) for i in range(self.count)]
        self.register_buffer("factors", torch.tensor(factors).view(1, -1, 1, 1))
        self.body = nn.Sequential(
            nn.Conv2d(self.count, 32, 3, padding=1),
            nn.GELU(),
            nn.AdaptiveAvgPool2d(3),
            nn.Flatten(),
            nn.Linear(288, out),
            nn.GELU(),
        )

    def forward(self, obs: Tensor) -> Tensor:
        x, y = (obs[..., 0] >> 4).long(), (obs[..., 0] & 0xF).long()
        f = obs[..., 1].long()
        ok = (obs[..., 0] != 0xFF) & (x < self.cols) & (y < self.rows) & (f < self.count)
        cells = self.count * self.cols * self.rows
        where = torch.where(ok, (f * self.cols + x) * self.rows + y, cells)
        flat = obs.new_zeros((obs.shape[0], cells + 1), dtype=torch.float32)
        flat.scatter_(1, where, obs[..., 2].float())
        grid = flat[:, :cells].view(-1, self.count, self.cols, self.rows)
        return self.body(grid / self.factors)


class ActionScores(nn.Module):
    """Bilinear head: a bounded query against one row per action."""

    def __init__(self, width: int, rows: int = 100, dim: int = 16):
        super().__init__()
        self.table = nn.Embedding(rows, dim)
        nn.init.orthogonal_(self.table.weight)
        with torch.no_grad():
            self.table.weight.mul_(0.1 / self.table.weight.abs().max())
        self.query = nn.Linear(width, dim)
        self.active = rows

    def forward(self, y: Tensor) -> Tensor:
        keys = self.table.weight[: self.active]
        return F.log_softmax(torch.tanh(self.query(y)) @ keys.T, dim=-1)


def orthogonal_core(core: nn.Module) -> nn.Module:
    for name, parameter in core.named_parameters():
        if name.startswith("weight"):
            nn.init.orthogonal_(parameter, gain=1)
        else:
            nn.init.ones_(parameter)
    return core


def stamp(td, steps: int, rows: int):
    n = steps * rows
    device = td["env_obs"].device
    td.update(
        {
            "bptt": torch.full((n,), steps, dtype=torch.long, device=device),
            "batch": torch.full((n,), rows, dtype=torch.long, device=device),
        }
    )
    return td
