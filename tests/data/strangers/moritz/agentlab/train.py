from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from .base import RecurrentAgent


def advantages(batch: TensorDict, gamma: float, lam: float) -> Tensor:
    ended = torch.logical_or(batch["dones"].bool(), batch["truncateds"].bool()).float()
    rewards, values = batch["rewards"], batch["values"]
    out = torch.zeros_like(values)
    running = torch.zeros_like(values[:, 0])
    for t in range(values.shape[1] - 2, -1, -1):
        alive = 1.0 - ended[:, t + 1]
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * alive - values[:, t]
        running = delta + gamma * lam * alive * running
        out[:, t] = running
    return out


class PPOTrainer:
    def __init__(self, agent: RecurrentAgent, lr: float = 3e-4, max_norm: float = 0.5) -> None:
        self.agent = agent
        self.optimizer = torch.optim.Adam(agent.parameters(), lr=lr)
        self.max_norm = max_norm

    def collect(self, env, buffer) -> None:
        self.agent.reset_memory()
        while not buffer.full:
            td = env.recv()
            with torch.no_grad():
                self.agent(td)
            buffer.store(td)
            env.send(td["actions"])

    def update(self, buffer) -> None:
        adv = advantages(buffer.data, 0.977, 0.916)
        for rows in buffer.minibatch_rows():
            batch = buffer.data[rows]
            self.agent.reset_memory()
            out = self.agent(batch.select("env_obs"), action=batch["actions"])
            ratio = (out["act_log_prob"] - batch["act_log_prob"]).exp()
            policy_loss = -torch.min(adv[rows] * ratio, adv[rows] * ratio.clamp(0.9, 1.1)).mean()
            value_loss = (out["value"].squeeze(-1) - adv[rows] - batch["values"]).square().mean()
            loss = policy_loss + 0.5 * value_loss - 0.002 * out["entropy"].mean() + self.agent.l2_init_loss() * 1e-4
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            clip_grad_norm_(self.agent.parameters(), self.max_norm)
            self.optimizer.step()
            self.agent.clip_weights()
