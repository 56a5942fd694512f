from __future__ import annotations

from collections.abc import Generator
from types import SimpleNamespace

import torch
from tensordict import TensorDict
from torch import Tensor, nn


class Marsh:
    num_envs = 12
    obs_width, obs_height = 9, 9
    feature_normalizations = {0: 2.0, 1: 5.0, 2: 255.0}
    max_action_args = [0, 3, 2]
    single_observation_space = SimpleNamespace(shape=(20, 3))

    def __init__(self, limit: int = 50) -> None:
        self.limit = limit

    def play(self) -> Generator[TensorDict, Tensor, None]:
        """Yields what a group sees, and expects to be sent what it does."""
        half = self.num_envs // 2
        age = torch.zeros(2, half)
        before = torch.zeros(2, half, 2, dtype=torch.int32)
        turn = 0
        while True:
            obs = torch.randint(0, 3, (half, *self.single_observation_space.shape), dtype=torch.uint8)
            obs[:, 12:] = 255
            dones = torch.rand(half) < 0.02
            truncateds = age[turn] >= self.limit
            age[turn] = torch.where(dones | truncateds, 0.0, age[turn] + 1)
            td = TensorDict({"env_obs": obs, "rewards": torch.rand(half)}, batch_size=[half])
            td["dones"], td["truncateds"] = dones.float(), truncateds.float()
            td["last_actions"] = before[turn]
            td["training_env_id_start"] = torch.full((half,), turn * half, dtype=torch.int64)
            before[turn] = yield td
            turn = 1 - turn


def perch(bird: nn.Module, env: Marsh, device: torch.device) -> nn.Module:
    """Gives a policy the tables of the environment's actions."""
    bird.to(device)
    bird.cum_action_max_params = torch.tensor([0, *env.max_action_args], device=device).cumsum(0)
    bird.action_index_tensor = torch.tensor(
        [(kind, argument) for kind, most in enumerate(env.max_action_args) for argument in range(most + 1)],
        dtype=torch.int32,
        device=device,
    )
    return bird
