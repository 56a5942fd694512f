"""Playing without learning."""
from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDict

from ivar.agents.common import TokenPolicy


def as_td(obs: Any, dones: Any, truncateds: Any, device: torch.device) -> TensorDict:
    obs = torch.as_tensor(obs, device=device)
    return TensorDict(
        {
            "env_obs": obs,
            "dones": torch.as_tensor(dones, device=device).float(),
            "truncateds": torch.as_tensor(truncateds, device=device).float(),
        },
        batch_size=[obs.shape[0]],
    )


@torch.no_grad()
def evaluate(policy: TokenPolicy, env: Any, steps: int, device: torch.device) -> float:
    """The mean reward of a step; the training run's memory is put back afterwards."""
    kept = policy.get_memory()
    policy.reset_memory()
    total = 0.0
    obs, _ = env.reset()
    dones = truncateds = torch.zeros(len(obs))
    try:
        for _ in range(steps):
            td = policy(as_td(obs, dones, truncateds, device))
            obs, rewards, dones, truncateds, _ = env.step(td["actions"].cpu().numpy())
            total += float(rewards.mean())
    finally:
        policy.set_memory(kept)
    return total / steps


@torch.no_grad()
def watch(policy: TokenPolicy, env: Any, device: torch.device) -> float:
    """One episode on screen."""
    total, over = 0.0, False
    obs, _ = env.reset()
    dones = truncateds = torch.zeros(len(obs))
    while not over:
        td = policy(as_td(obs, dones, truncateds, device))
        obs, rewards, dones, truncateds, _ = env.step(td["actions"].cpu().numpy())
        env.render()
        total += float(rewards.sum())
        over = bool(dones.any() or truncateds.any())
    return total
