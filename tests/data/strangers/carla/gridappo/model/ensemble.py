from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import vmap

from gridappo.model.actor_critic import ActorCritic


class EnsembleCritic(nn.Module):
    """The mean of several critics, evaluated in one go."""

    def __init__(self, size: int, members: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(nn.Linear(size, 256) for _ in range(members))
        self.heads = nn.ModuleList(nn.Linear(256, 1) for _ in range(members))

    def forward(self, x: Tensor) -> Tensor:
        def one(w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
            return torch.tanh(x @ w1.T + b1) @ w2.T + b2

        stacked = [
            torch.stack([getattr(layer, name) for layer in layers])
            for layers in (self.members, self.heads)
            for name in ("weight", "bias")
        ]
        return vmap(one)(*stacked).mean(dim=0)


class EnsembleActorCritic(ActorCritic):
    """Less optimistic values. `members` is an option of the config like the others."""

    def __init__(self, env, members: int = 4, **options) -> None:
        self.member_count = members
        super().__init__(env, **options)

    def make_critic(self, size: int) -> nn.Module:
        return EnsembleCritic(size, self.member_count)

    @torch.no_grad()
    def clip_weights(self) -> None:
        super().clip_weights()
        # LayerNorm drifts too; the same range around its start
        for module in self.modules():
            if isinstance(module, nn.LayerNorm) and self.clip_range > 0:
                module.weight.clamp_(1 - self.clip_range, 1 + self.clip_range)
