"""A tiny vectorised token world: enough to exercise the learner without a simulator."""
from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import torch
from torch import Tensor

PAD = 255


@dataclass(frozen=True)
class Step:
    obs: Tensor
    rewards: Tensor
    dones: Tensor
    truncs: Tensor
    start: int


class TokenGrid:
    """Environments are stepped in groups; `recv` hands over one group, `send` takes its actions."""

    def __init__(self, num_envs: int = 16, groups: int = 2, tokens: int = 24, limit: int = 40, seed: int = 0):
        self.num_envs = num_envs
        self.groups = groups
        self.group_size = num_envs // groups
        self.limit = limit
        self.obs_width = self.obs_height = 11
        self.feature_normalizations = {0: 1.0, 1: 10.0, 2: 30.0, 3: 255.0}
        self.single_observation_space = SimpleNamespace(shape=(tokens, 3))
        self.action_names = ["noop", "move", "turn"]
        self.max_action_args = [0, 3, 1]
        self._rng = torch.Generator().manual_seed(seed)
        self._age = torch.zeros(num_envs, dtype=torch.long)
        self._turn = 0

    def _observe(self, count: int) -> Tensor:
        tokens = self.single_observation_space.shape[0]
        obs = torch.randint(0, 4, (count, tokens, 3), generator=self._rng, dtype=torch.uint8)
        filled = torch.randint(1, tokens, (count, 1), generator=self._rng)
        empty = torch.arange(tokens).expand(count, -1) >= filled
        obs[empty] = PAD
        return obs

    def recv(self) -> Step:
        start = self._turn * self.group_size
        rows = slice(start, start + self.group_size)
        self._age[rows] += 1
        dones = torch.rand(self.group_size, generator=self._rng) < 0.02
        truncs = (self._age[rows] >= self.limit) & ~dones
        self._age[rows] = torch.where(dones | truncs, torch.zeros_like(self._age[rows]), self._age[rows])
        rewards = torch.rand(self.group_size, generator=self._rng)
        return Step(self._observe(self.group_size), rewards, dones.float(), truncs.float(), start)

    def send(self, actions: Tensor) -> None:
        assert actions.shape == (self.group_size, 2)
        self._turn = (self._turn + 1) % self.groups
