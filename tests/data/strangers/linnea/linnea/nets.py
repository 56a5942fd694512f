from __future__ import annotations

import torch
from torch import Tensor, nn


def orthogonal_core(core: nn.RNNBase) -> nn.RNNBase:
    with torch.no_grad():
        for group in core.all_weights:
            for weight in group:
                if weight.ndim == 2:
                    weight.copy_(nn.init.orthogonal_(torch.empty_like(weight)))
                else:
                    weight.fill_(1)
    return core


class TokenEncoder(nn.Module):
    """Tokens to one vector: embedded bytes, gated by whether the token is there."""

    def __init__(self, env, width: int) -> None:
        super().__init__()
        self.bytes = nn.Linear(24, width)
        self.gate = nn.Linear(24, width)
        self.merge = nn.Linear(width, width)
        self.register_buffer("powers", 2 ** torch.arange(8), persistent=False)

    def bits(self, obs: Tensor) -> Tensor:
        return (obs.unsqueeze(-1).long() & self.powers).gt(0).flatten(-2).float()

    def forward(self, obs: Tensor) -> Tensor:
        if obs.dtype != torch.uint8:
            raise TypeError(f"tokens are bytes, not {obs.dtype}")
        bits = self.bits(obs)
        there = obs.select(-1, 0).ne(0xFF)
        x = torch.tanh(self.bytes(bits)) * torch.sigmoid(self.gate(bits))
        x = x.masked_fill(there.logical_not().unsqueeze(-1), 0.0)
        count = there.sum(dim=1, keepdim=True) + torch.tensor(1e-3)
        return torch.relu(self.merge(x.sum(dim=1) / count))


class RadialEncoder(nn.Module):
    """Values by their distance to a few centres, features by an embedding."""

    def __init__(self, env, width: int, centres: int = 8) -> None:
        super().__init__()
        self.centres = torch.linspace(0.0, 255.0, centres)
        self.features = nn.Embedding(256, 16)
        self.mix = nn.Linear(centres + 16, width)

    def forward(self, obs: Tensor) -> Tensor:
        near = torch.exp(-((obs[..., 2:].float() - self.centres) / 32.0) ** 2)
        x = torch.relu(self.mix(torch.cat([near, self.features(obs[..., 1].long())], dim=-1)))
        falloff = torch.logspace(0, -1, obs.shape[1])
        there = (obs[..., 0] != 255) * falloff
        return (x * there.unsqueeze(-1)).sum(dim=1)


class StateBank(nn.Module):
    """Flat hidden states of `groups` groups of at most `rows` environments."""

    def __init__(self, groups: int, rows: int, size: int) -> None:
        super().__init__()
        self.register_buffer("bank", torch.zeros(groups, rows, size), persistent=False)

    def fetch(self, group: Tensor, rows: int) -> Tensor:
        return self.bank.index_select(0, group)[0, :rows]

    def keep(self, group: Tensor, state: Tensor) -> None:
        self.bank[group, : state.shape[0]] = state.detach()

    def clear(self) -> None:
        self.bank = torch.zeros_like(self.bank)

    def __getstate__(self) -> dict:
        entries = dict(self.__dict__)
        entries["_buffers"] = {"bank": torch.zeros_like(self.bank)}
        return entries
