from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor


def discounted_advantages(buffer: TensorDict, gamma: float = 0.98, lam: float = 0.92) -> Tensor:
    rewards, values = buffer["rewards"], buffer["values"]
    over = ((buffer["dones"] + buffer["truncateds"]) > 0).float()
    result = torch.zeros_like(rewards)
    running = torch.zeros_like(rewards[:, -1])
    for t in range(rewards.size(1) - 2, -1, -1):
        alive = 1 - over[:, t + 1]
        running = rewards[:, t + 1] + gamma * alive * (values[:, t + 1] + lam * running) - values[:, t]
        result[:, t] = running
    return result
