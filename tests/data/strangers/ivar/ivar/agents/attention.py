"""Agents that look at tokens through attention before they remember anything."""
from __future__ import annotations

import logging
from typing import Any

import torch
from torch import Tensor, nn

from ivar.agents.recurrent import LstmPolicy

log = logging.getLogger(__name__)


class PooledPolicy(LstmPolicy):
    """One learnt query attends over the tokens; bytes are weighted by what they mean."""

    def __init__(self, env: Any, width: int = 128, **options: Any) -> None:
        super().__init__(env, width, **options)
        self.query = nn.Parameter(torch.randn(width) * 0.02)
        self.byte_weights = torch.tensor([0.25, 1.0, 0.5])
        self.last_spread = 0.0

    def encode(self, obs: Tensor) -> Tensor:
        padding = obs[..., 0] == 255
        tokens = self.embed(obs.float() / 255.0 * self.byte_weights)
        scores = tokens @ self.query
        if padding.any():
            scores = scores.masked_fill(padding, -1e9)
        weights = torch.softmax(scores, dim=-1)
        self.last_spread = float(weights.std())
        pooled = torch.zeros(obs.shape[0], tokens.shape[-1])
        pooled = pooled + (weights.unsqueeze(-1) * tokens).sum(dim=1)
        return pooled


class MaskedPolicy(LstmPolicy):
    """Like `PooledPolicy`, with a scale for each feature that the environment names."""

    def __init__(self, env: Any, width: int = 128, trace: bool = False, **options: Any) -> None:
        super().__init__(env, width, **options)
        self.trace = trace
        self.query = nn.Parameter(torch.randn(width) * 0.02)
        scales = torch.ones(256)
        for feature, scale in env.feature_normalizations.items():
            scales[feature] = max(float(scale), 1.0)
        self.scales = scales

    def _apply(self, fn: Any, recurse: bool = True) -> "MaskedPolicy":
        super()._apply(fn, recurse)
        self.scales = fn(self.scales)
        return self

    def encode(self, obs: Tensor) -> Tensor:
        padding = obs[..., 0] == 255
        scale = self.scales[obs[..., 1].long()]
        bytes_ = torch.stack([obs[..., 0] / 255.0, obs[..., 1] / 255.0, obs[..., 2] / scale], dim=-1)
        tokens = self.embed(bytes_)
        floor = torch.full((1,), -1e9).to(tokens)
        weights = torch.softmax(torch.where(padding, floor, tokens @ self.query), dim=-1)
        if self.trace:
            log.info("widest attention %.3f", weights.max().item())
        if log.isEnabledFor(logging.DEBUG):
            log.debug("first row attends to %s", weights[0].tolist())
        if tokens.shape[1] == 0:
            return tokens.new_zeros(obs.shape[0], tokens.shape[-1])
        return torch.einsum("bm,bmd->bd", weights, tokens)
