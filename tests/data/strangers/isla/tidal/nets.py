import torch
import torch.nn.functional as F
from torch import nn


def ortho(module: nn.Module, gain: float = 1.0) -> nn.Module:
    for name, parameter in module.named_parameters():
        if parameter.dim() > 1:
            nn.init.orthogonal_(parameter, gain)
        else:
            nn.init.constant_(parameter, 0.0)
    return module


def ortho_core(module: nn.Module) -> nn.Module:
    for name, parameter in module.named_parameters():
        if "bias" in name:
            nn.init.constant_(parameter, 1.0)
        else:
            nn.init.orthogonal_(parameter, 1.0)
    return module


class TokenSum(nn.Module):
    """One vector for each token, summed over those that are none of the padding."""

    def __init__(self, env, width: int):
        super().__init__()
        norms = torch.ones(256)
        for feature, norm in env.feature_normalizations.items():
            norms[feature] = max(float(norm), 1.0)
        self.register_buffer("norms", norms)
        self.kind = nn.Embedding(256, width)
        self.place = nn.Embedding(256, width)
        self.amount = nn.Linear(1, width)
        self.out = ortho(nn.Linear(width, width))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        place, kind, amount = (column.long() for column in tokens.unbind(-1))
        real = (place != 0xFF).unsqueeze(-1)
        amount = (amount / self.norms[kind]).unsqueeze(-1)
        x = torch.tanh(self.kind(kind) + self.place(place) + self.amount(amount))
        return F.relu(self.out((x * real).sum(dim=1)))


class Heads(nn.Module):
    def __init__(self, width: int, rows: int = 100):
        super().__init__()
        self.critic = nn.Sequential(ortho(nn.Linear(width, 512), 2**0.5), nn.Tanh(), ortho(nn.Linear(512, 1)))
        self.query = ortho(nn.Linear(width, 16))
        self.actions = nn.Embedding(rows, 16)
        weight = nn.init.orthogonal_(torch.empty(rows, 16))
        self.actions.weight.data.copy_(weight / weight.abs().max() * 0.1)
        self.count = rows

    def forward(self, x):
        table = self.actions.weight[: self.count]
        return self.query(x).tanh() @ table.mT, self.critic(x)


class Clipped:
    """Keeps every matrix within ±clip_range."""

    clip_range = 0.0

    def clip_weights(self):
        if not self.clip_range > 0:
            return
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, nn.Linear | nn.Conv2d):
                    module.weight.clip_(-self.clip_range, self.clip_range)
