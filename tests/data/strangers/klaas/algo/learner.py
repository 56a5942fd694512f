"""Learners. `learn` is the same for all; what differs is in the hooks."""
from typing import Any, Callable, Dict, List

import torch
import torch.nn as nn
from tensordict import TensorDict
from torch import Tensor

from algo.store import TrajectoryStore
from algo.vtrace import discounts, vtrace, vtrace_from
from core.policy import ImpalaPolicy


class ImpalaLoss(nn.Module):
    def __init__(self, value_coef: float = 0.5, entropy_coef: float = 0.01):
        super().__init__()
        self.value_coef, self.entropy_coef = value_coef, entropy_coef

    def forward(self, out: TensorDict, advantages: Tensor, targets: Tensor) -> Tensor:
        gradient = -(out["act_log_prob"] * advantages).mean()
        baseline = 0.5 * (out["value"].squeeze(-1) - targets).square().mean()
        return gradient + self.value_coef * baseline - self.entropy_coef * out["entropy"].mean()


class Learner:
    def __init__(self, policy: ImpalaPolicy, store: TrajectoryStore, lr: float = 6e-4, gamma: float = 0.98,
                 max_norm: float = 40.0, l2_coef: float = 0.0):
        self.policy, self.store = policy, store
        self.optimizer = torch.optim.RMSprop(policy.parameters(), lr=lr, alpha=0.99, eps=0.01)
        self.loss = ImpalaLoss()
        self.gamma, self.max_norm, self.l2_coef = gamma, max_norm, l2_coef
        self.version = 0
        self.listeners: List[Callable[[Dict[str, float]], None]] = []

    # hooks
    def before_batch(self, rows: Tensor) -> None:
        self.policy.reset_memory()

    def before_step(self) -> None:
        nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_norm)

    def after_step(self) -> None:
        self.policy.clip_weights()

    def after_batch(self, rows: Tensor, out: TensorDict, batch: TensorDict) -> None:
        self.store.touch(rows, self.version)
        self.store.weigh(rows, out["act_log_prob"].detach() - batch["act_log_prob"])
        self.store.expire(self.version)

    # the loop
    def targets(self, batch: TensorDict, out: TensorDict):
        log_ratio = out["act_log_prob"].detach() - batch["act_log_prob"]
        return vtrace(log_ratio, batch["rewards"], out["value"].detach().squeeze(-1), discounts(batch, self.gamma))

    def learn(self, count: int) -> float:
        rows = self.store.sample(count)
        batch = self.store.data[rows]
        self.before_batch(rows)
        out = self.policy(batch.select("env_obs"), action=batch["actions"])
        estimate = self.targets(batch, out)
        loss = self.loss(out, estimate.advantages, estimate.targets)
        if self.l2_coef:
            loss = loss + self.l2_coef * self.policy.l2_init_loss()
        self.optimizer.zero_grad()
        loss.backward()
        self.before_step()
        self.optimizer.step()
        self.after_step()
        self.version += 1
        self.after_batch(rows, out, batch)
        for listener in self.listeners:
            listener({"loss": float(loss.detach())})
        return float(loss.detach())


class WarmLearner(Learner):
    """Warms up the rate in the hook in which the base bounds the weights."""

    def __init__(self, *args: Any, warm: int = 500, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.warmup = torch.optim.lr_scheduler.LinearLR(self.optimizer, 0.1, total_iters=warm)

    def after_step(self) -> None:
        super().after_step()
        self.warmup.step()


class CosineLearner(Learner):
    def __init__(self, *args: Any, total: int = 100_000, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.cosine = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, total)

    def after_step(self) -> None:
        self.cosine.step()


class OffPolicyLearner(Learner):
    """Looks twice at every batch and uses the critic of the rollout."""

    def learn(self, count: int) -> float:
        rows = self.store.sample(count)
        batch, loss = self.store.data[rows], torch.zeros(())
        for _ in range(2):
            self.policy.reset_memory()
            out = self.policy(batch.select("env_obs"), action=batch["actions"])
            estimate = vtrace_from(batch, out["act_log_prob"].detach() - batch["act_log_prob"], self.gamma)
            loss = self.loss(out, estimate.advantages, estimate.targets)
            loss.backward()
            nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_norm)
            self.optimizer.zero_grad()
            self.optimizer.step()
            self.policy.clip_weights()
        self.version += 1
        self.store.touch(rows, self.version)
        return float(loss.detach())


class BoundedLearner(Learner):
    """Bounds the weights first, so that the step starts inside of the range."""

    def learn(self, count: int) -> float:
        rows = self.store.sample(count)
        batch = self.store.data[rows]
        self.policy.reset_memory()
        out = self.policy(batch.select("env_obs"), action=batch["actions"])
        estimate = self.targets(batch, out)
        loss = self.loss(out, estimate.advantages, estimate.targets)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_norm)
        self.policy.clip_weights()
        self.optimizer.step()
        self.version += 1
        return float(loss.detach())


class PairedLearner(Learner):
    """Splits a batch in two, and steps once for both."""

    def learn(self, count: int) -> float:
        rows = self.store.sample(count)
        total = 0.0
        for part in rows.chunk(2):
            batch = self.store.data[part]
            self.before_batch(part)
            out = self.policy(batch.select("env_obs"), action=batch["actions"])
            estimate = self.targets(batch, out)
            loss = self.loss(out, estimate.advantages, estimate.targets) / 2
            loss.backward()
            total += float(loss.detach())
        self.before_step()
        self.optimizer.step()
        self.after_step()
        self.optimizer.zero_grad(set_to_none=True)
        self.version += 1
        return total
