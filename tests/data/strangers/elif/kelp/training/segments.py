from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from tensordict import TensorDict
from torch import Tensor, nn
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

from ..bases import RecurrentBase
from .returns import discounted_advantages

P = TypeVar("P", bound=RecurrentBase)
STORED = ("env_obs", "rewards", "dones", "truncateds", "actions", "act_log_prob", "values", "full_log_probs")


def loss_spec() -> Composite:
    scalar = UnboundedContinuous(shape=(), dtype=torch.float32)
    return Composite(
        rewards=scalar,
        act_log_prob=scalar.clone(),
        values=scalar.clone(),
        actions=UnboundedDiscrete(shape=(2,), dtype=torch.int32),
    )


class SegmentTrainer(Generic[P]):
    def __init__(
        self, make: Callable[[], P], env, *, segments: int, horizon: int, minibatch: int, accumulate: int = 4, lr: float
    ) -> None:
        self.policy: RecurrentBase = make()
        self.env = env
        self.horizon, self.minibatch, self.accumulate = horizon, minibatch, accumulate
        spec = loss_spec()
        spec.update(self.policy.get_agent_experience_spec())
        self.buffer = spec.expand(segments, horizon).zero()
        self.optimizer = torch.optim.Adam(self.policy.parameters(), lr=lr)

    def epoch(self) -> None:
        self._rollout()
        self._learn()

    @torch.no_grad()
    def _rollout(self) -> None:
        self.policy.reset_memory()
        for t in range(self.horizon):
            obs, rewards, dones, truncateds, ids = self.env.recv()
            td = TensorDict({"env_obs": obs, "rewards": rewards}, batch_size=[obs.shape[0]])
            td["dones"], td["truncateds"] = dones.float(), truncateds.float()
            td["training_env_id_start"] = torch.full((obs.shape[0],), ids.start, dtype=torch.long)
            self.policy(td)
            for key in STORED:
                self.buffer[key][ids, t] = td[key]
            self.env.send(td["actions"])

    def _learn(self) -> None:
        order = torch.randperm(self.buffer.shape[0])
        advantages = discounted_advantages(self.buffer)
        for number, rows in enumerate(order.split(self.minibatch), start=1):
            self.policy.reset_memory()
            self.optimizer.zero_grad()
            loss = self._loss(rows, advantages[rows])
            (loss / self.accumulate).backward()
            if number % self.accumulate:
                continue
            nn.utils.clip_grad_norm_(self.policy.parameters(), 0.5)
            self.optimizer.step()
            self.policy.clip_weights()

    def _loss(self, rows: Tensor, advantages: Tensor) -> Tensor:
        batch = self.buffer[rows]
        out = self.policy(batch.select("env_obs", "dones", "truncateds"), action=batch["actions"])
        value = out["value"].squeeze(-1)
        returns = advantages + batch["values"]
        self.buffer[rows].update_({"values": value.detach()})
        ratio = torch.exp(out["act_log_prob"] - batch["act_log_prob"])
        surrogate = torch.minimum(ratio * advantages, ratio.clamp(0.9, 1.1) * advantages).mean()
        return 0.5 * (value - returns).pow(2).mean() - surrogate - 0.002 * out["entropy"].mean()
