"""Collect a rollout, improve the policy on it."""

from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from ..agents.base import Wader
from ..agents.build import AgentConfig, build_agent


class PPOLearner:
    def __init__(self, env: Any, cfg: AgentConfig, horizon: int = 64, lr: float = 3e-4) -> None:
        self.env = env
        self.horizon = horizon
        self.policy: Wader = build_agent(env, cfg)
        self.optimizer = torch.optim.Adam(self.policy.parameters(), lr=lr)

    @torch.no_grad()
    def collect(self) -> TensorDict:
        self.policy.reset_memory()
        steps = []
        for _ in range(self.horizon):
            td = self.env.observe()
            self.policy(td)
            rewards = self.env.step(td["actions"])
            step = td.select("env_obs", "actions", "act_log_prob", "values", "dones", "truncateds")
            step["rewards"] = rewards
            steps.append(step)
        return torch.stack(steps, dim=1)

    def advantages(self, data: TensorDict) -> Tensor:
        over = torch.maximum(data["dones"].float(), data["truncateds"].float())
        adv = torch.zeros_like(data["rewards"])
        last = torch.zeros_like(adv[:, 0])
        for t in range(self.horizon - 2, -1, -1):
            live = 1.0 - over[:, t + 1]
            delta = data["rewards"][:, t] + 0.99 * live * data["values"][:, t + 1] - data["values"][:, t]
            last = delta + 0.99 * 0.95 * live * last
            adv[:, t] = last
        return adv

    def update(self, data: TensorDict, minibatch: int = 32) -> None:
        adv = self.advantages(data)
        for rows in torch.randperm(data.shape[0]).split(minibatch):
            self.policy.reset_memory()
            mb = data[rows]
            out = self.policy(mb.select("env_obs"), action=mb["actions"])
            ratio = (out["act_log_prob"] - mb["act_log_prob"]).exp()
            a = adv[rows]
            policy_loss = -torch.min(ratio * a, ratio.clamp(0.8, 1.2) * a).mean()
            returns = a + mb["values"]
            value_loss = (out["value"].squeeze(-1) - returns).pow(2).mean()
            loss = policy_loss + 0.5 * value_loss - 0.01 * out["entropy"].mean()
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            clip_grad_norm_(self.policy.parameters(), 0.5)
            self.optimizer.step()
            self.policy.clip_weights()
