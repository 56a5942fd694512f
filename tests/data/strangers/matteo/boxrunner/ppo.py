from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator

import torch
from tensordict import TensorDict
from torch import Tensor

from boxrunner.agent import BoxAgent


@dataclass
class Settings:
    lr: float = 3e-4
    gamma: float = 0.99
    lam: float = 0.95
    clip: float = 0.1
    entropy: float = 0.01
    l2_init: float = 0.0
    max_norm: float = 0.5


class Learner:
    def __init__(self, agent: BoxAgent, settings: Settings) -> None:
        self.agent = agent
        self.settings = settings
        self.optimizer = torch.optim.Adam(agent.parameters(), lr=settings.lr)

    @torch.no_grad()
    def collect(self, envs: Any, steps: int) -> list[TensorDict]:
        self.agent.reset_memory()
        rows = []
        for _ in range(steps):
            td = envs.receive()
            self.agent(td)
            envs.send(td["actions"])
            rows.append(td)
        return rows

    def advantages(self, td: TensorDict) -> Tensor:
        cut = torch.maximum(td["dones"].float(), td["truncateds"].float())
        result = torch.zeros_like(td["values"])
        last = torch.zeros_like(td["values"][:, 0])
        for t in reversed(range(td.batch_size[1] - 1)):
            goes_on = 1.0 - cut[:, t + 1]
            delta = td["rewards"][:, t + 1] + self.settings.gamma * td["values"][:, t + 1] * goes_on - td["values"][:, t]
            last = delta + self.settings.gamma * self.settings.lam * goes_on * last
            result[:, t] = last
        return result

    def loss(self, new: TensorDict, old: TensorDict, advantage: Tensor) -> Tensor:
        ratio = (new["act_log_prob"] - old["act_log_prob"]).exp()
        clipped = ratio.clamp(1 - self.settings.clip, 1 + self.settings.clip)
        policy_loss = -torch.min(ratio * advantage, clipped * advantage).mean()
        value_loss = (new["value"].squeeze(-1) - (advantage + old["values"])).square().mean()
        return policy_loss + 0.5 * value_loss - self.settings.entropy * new["entropy"].mean()

    def update(self, minibatches: Iterator[TensorDict]) -> None:
        for old in minibatches:
            advantage = self.advantages(old)
            self.agent.reset_memory()
            new = self.agent(old.select("env_obs"), action=old["actions"])
            loss = self.loss(new, old, advantage) + self.settings.l2_init * self.agent.l2_init_loss()
            self.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.agent.parameters(), self.settings.max_norm)
            self.optimizer.step()
            self.agent.clip_weights()
