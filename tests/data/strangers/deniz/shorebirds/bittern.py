"""Stays in the reeds: bounded logits, and a memory that costs nothing."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor

from .composed import Composed, Parts
from .cores import LSTMCore
from .encoders import TokenEncoder
from .heads import BoundedHead, Critic
from .memory import LastState


class Bittern(Composed):
    def __init__(
        self, env, hidden_size: int = 128, clip_range: float = 0.0, analyze_weights_interval: int = 300
    ) -> None:
        core = LSTMCore(hidden_size, hidden_size, 2)
        super().__init__(
            Parts(TokenEncoder(hidden_size), core, BoundedHead(hidden_size), Critic(hidden_size), LastState(*core.shape)),
            clip_range,
            analyze_weights_interval,
        )

    def _ended(self, td: TensorDict, shape: tuple[int, ...]) -> Tensor:
        done = td.get("dones", None)
        if done is None:
            return torch.zeros(shape, dtype=torch.bool, device=td["env_obs"].device)
        return done.reshape(shape) > 0

    def clip_weights(self) -> None:
        if not self.clip_range:
            return
        limit = self.clip_range
        for layer in self._affine():
            layer.weight.detach().clamp(-limit, limit)
