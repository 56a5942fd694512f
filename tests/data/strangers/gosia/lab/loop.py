from __future__ import annotations

from contextlib import ExitStack, nullcontext
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from . import agents


def make(env, cfg: dict[str, Any]):
    match cfg:
        case {"agent_type": "attentive", **rest}:
            return agents.Attentive(env, **rest)
        case {"agent_type": "mixed", "width": width}:
            return agents.Mixed(env, width=width)
        case {"agent_type": other}:
            raise ValueError(other)


def advantage(values: Tensor, rewards: Tensor, dones: Tensor, truncateds: Tensor, gamma: float, lam: float) -> Tensor:
    over = 1 - (1 - dones) * (1 - truncateds)
    out, carry = [], torch.zeros_like(values[:, 0])
    for t in range(values.shape[1] - 1)[::-1]:
        on = 1 - over[:, t + 1]
        carry = rewards[:, t + 1] + gamma * values[:, t + 1] * on - values[:, t] + gamma * lam * on * carry
        out.append(carry)
    return torch.stack([*out[::-1], torch.zeros_like(carry)], dim=1)


def loose_advantage(td: TensorDict, gamma: float, lam: float) -> Tensor:
    values, rewards, dones, truncateds = (td[k] for k in ("values", "rewards", "dones", "truncateds"))
    out, carry = torch.zeros_like(values), 0
    for t in range(values.shape[1] - 2, -1, -1):
        on = 1 - dones[:, t + 1]
        carry = rewards[:, t + 1] + gamma * values[:, t + 1] * on - values[:, t] + gamma * lam * on * carry
        out[:, t] = carry
    td["explained"] = 1 - (values - out).var() / (1 + truncateds.sum())
    return out


class Learner:
    def __init__(self, policy: agents.Attentive, lr: float, amp: bool = False) -> None:
        self.policy = policy
        self.optimizer = torch.optim.AdamW(policy.parameters(), lr=lr)
        self.amp = partial_autocast() if amp else nullcontext()

    def __call__(self, data: TensorDict, epochs: int, size: int) -> dict[str, float]:
        losses = []
        for _ in range(epochs):
            for rows in torch.randperm(len(data)).split(size):
                losses.append(self.step(data[rows]))
        return {"loss": torch.stack(losses).mean().item()}

    def step(self, batch: TensorDict) -> Tensor:
        self.policy.reset_memory()
        with ExitStack() as stack:
            stack.enter_context(self.amp)
            out = self.policy(batch.select("env_obs"), action=batch["actions"])
            adv = advantage(batch["values"], batch["rewards"], batch["dones"], batch["truncateds"], 0.98, 0.92)
            ratio = (out["act_log_prob"] - batch["act_log_prob"]).exp()
            loss = (out["value"].squeeze(-1) - adv - batch["values"]).square().mean() - (ratio * adv).mean()
        self.optimizer.zero_grad()
        loss.backward()
        clip_grad_norm_(self.policy.parameters(), 1.0)
        self.optimizer.step()
        self.policy.clip_weights()
        return loss.detach()


class Careless(Learner):
    """The learner, with its own step."""

    def step(self, batch: TensorDict) -> Tensor:
        out = self.policy(batch.select("env_obs"), action=batch["actions"])
        adv = loose_advantage(batch, 0.98, 0.92)
        ratio = (out["act_log_prob"] - batch["act_log_prob"]).exp()
        loss = -(ratio * adv).mean()
        loss.backward()
        self.optimizer.zero_grad()
        self.optimizer.step()
        return loss.detach()


def partial_autocast() -> torch.autocast:
    return torch.autocast("cuda", dtype=torch.bfloat16)
