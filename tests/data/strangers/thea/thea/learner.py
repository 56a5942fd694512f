from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Iterator

import torch
from tensordict import TensorDict
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from thea.agent import Agent


@dataclass(frozen=True)
class Discount:
    gamma: float = 0.977
    lam: float = 0.916

    def advantages(self, batch: TensorDict) -> Tensor:
        going = torch.logical_not(batch["dones"].bool().logical_or(batch["truncateds"].bool())).float()
        result = torch.zeros_like(batch["rewards"])
        for t in reversed(range(result.shape[1] - 1)):
            ahead = self.gamma * going[:, t + 1]
            gain = batch["rewards"][:, t + 1] + ahead * batch["values"][:, t + 1] - batch["values"][:, t]
            result[:, t] = gain + self.lam * ahead * result[:, t + 1]
        return result


@dataclass
class Learner:
    env: Any
    agent: Agent
    horizon: int = 64
    minibatch: int = 32
    l2_init: float = 0.0
    discount: Discount = field(default_factory=Discount)

    STORED = ("env_obs", "rewards", "dones", "truncateds", "actions", "act_log_prob", "values")

    def __post_init__(self) -> None:
        self.optimizer = torch.optim.Adam(self.agent.parameters(), lr=4.573e-4, eps=1e-12)
        self.given = {*self.agent.get_agent_experience_spec().keys(), "dones", "truncateds"}

    @torch.no_grad()
    def segment(self) -> TensorDict:
        self.agent.reset_memory()
        steps: list[TensorDict] = []
        for _ in range(self.horizon):
            td = self.env.recv()
            self.agent(td)
            self.env.send(td["actions"])
            steps.append(td.select(*self.STORED))
        return torch.stack(steps, dim=1)

    def minibatches(self, batch: TensorDict) -> Iterator[TensorDict]:
        for rows in torch.randperm(batch.shape[0]).split(self.minibatch):
            yield batch[rows]

    def loss(self, out: TensorDict, old: TensorDict) -> Tensor:
        advantage = (old["advantages"] - old["advantages"].mean()) / (old["advantages"].std() + 1e-8)
        ratio = (out["act_log_prob"] - old["act_log_prob"]).exp()
        actor = -torch.minimum(advantage * ratio, advantage * ratio.clamp(0.9, 1.1)).mean()
        critic = 0.5 * (out["value"] - old["values"] - old["advantages"]).square().mean()
        return actor + 0.44 * critic - 0.0021 * out["entropy"].mean()

    def learn(self, batch: TensorDict) -> None:
        batch["advantages"] = self.discount.advantages(batch)
        for old in self.minibatches(batch):
            self.agent.reset_memory()
            loss = self.loss(self.agent(old.select(*self.given), action=old["actions"]), old)
            if self.l2_init > 0.0:
                loss = loss + self.l2_init * self.agent.l2_init_loss()
            self.optimizer.zero_grad()
            loss.backward()
            clip_grad_norm_(self.agent.parameters(), 0.5)
            self.optimizer.step()
            self.agent.clip_weights()

    def run(self, epochs: int) -> None:
        for _ in range(epochs):
            self.learn(self.segment())
