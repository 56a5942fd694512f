from __future__ import annotations

from dataclasses import dataclass

import torch
from tensordict import TensorDict
from torch import Tensor

from .base import Learner


@dataclass(frozen=True)
class Discount:
    gamma: float = 0.977
    lam: float = 0.916


def add_advantages(experience: TensorDict, discount: Discount) -> TensorDict:
    """A copy of [B, T] experience with `advantages` and `returns`."""
    over = experience["dones"].logical_or(experience["truncateds"]).float()
    values, rewards = experience["values"], experience["rewards"]
    columns = [torch.zeros_like(values[:, 0])]
    for t in range(values.shape[1] - 2, -1, -1):
        goes_on = 1.0 - over[:, t + 1]
        delta = rewards[:, t + 1] + discount.gamma * goes_on * values[:, t + 1] - values[:, t]
        columns.append(delta + discount.gamma * discount.lam * goes_on * columns[-1])
    advantages = torch.stack(columns[::-1], dim=1)
    return experience.clone(recurse=False).update({"advantages": advantages, "returns": advantages + values})


class PPOLearner(Learner):
    def __init__(self, agent, learning_rate: float = 4e-4, clip: float = 0.1, discount: Discount | None = None) -> None:
        super().__init__(agent, learning_rate)
        self.clip = clip
        self.discount = discount or Discount()

    def loss(self, output: TensorDict, minibatch: TensorDict) -> Tensor:
        ratio = (output["act_log_prob"] - minibatch["act_log_prob"]).exp()
        gain = minibatch["advantages"]
        policy = torch.max(-gain * ratio, -gain * ratio.clamp(1 - self.clip, 1 + self.clip)).mean()
        value = (output["value"].flatten(1) - minibatch["returns"]).square().mean()
        return policy + 0.22 * value - 0.002 * output["entropy"].mean()

    @torch.no_grad()
    def collect(self, env, steps: int) -> TensorDict:
        self.agent.reset_memory()
        columns = []
        td = env.reset()
        for _ in range(steps):
            td = self.agent(td)
            columns.append(td.clone())
            td = env.step(td)
        return torch.stack(columns, dim=1)

    def run(self, env, iterations: int, steps: int = 64) -> None:
        for _ in range(iterations):
            experience = add_advantages(self.collect(env, steps), self.discount)
            self.learn(experience)
