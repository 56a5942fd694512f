"""Updates: the usual one, fine-tuning on a fixed set, and the buffer's refresh."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from .agent import FlorisAgent


class Rows:
    def __init__(self, data: TensorDict) -> None:
        self.data = data

    def refresh(self, rows: Tensor, values: Tensor) -> None:
        """The critic has moved on; so do the values that the next epoch's advantages are made of."""
        self.data["values"][rows].copy_(values)

    def minibatches(self, size: int):
        order = torch.randperm(self.data.shape[0], device=self.data.device)
        for rows in order.split(size):
            yield rows, self.data[rows]


def rollout(agent: FlorisAgent, vecenv, horizon: int) -> TensorDict:
    agent.reset_memory()
    steps = []
    with torch.no_grad():
        for _ in range(horizon):
            td = vecenv.recv()
            agent(td)
            vecenv.send(td["actions"])
            steps.append(td.clone())
    return torch.stack(steps, dim=1)


def surrogate(out: TensorDict, batch: TensorDict, clip: float = 0.1) -> Tensor:
    gain = batch["advantages"]
    ratio = (out["act_log_prob"] - batch["act_log_prob"]).exp()
    policy = torch.max(-gain * ratio, -gain * ratio.clamp(1 - clip, 1 + clip)).mean()
    return policy + 0.44 * (out["value"] - batch["returns"]).square().mean() - 0.002 * out["entropy"].mean()


def update(agent: FlorisAgent, optimizer: torch.optim.Optimizer, rows: Rows, size: int = 256) -> None:
    for picked, batch in rows.minibatches(size):
        agent.reset_memory()
        out = agent(batch.select("env_obs"), action=batch["actions"])
        optimizer.zero_grad(set_to_none=True)
        surrogate(out, batch).backward()
        clip_grad_norm_(agent.parameters(), 0.5)
        optimizer.step()
        agent.clip_weights()
        rows.refresh(picked, out["value"].detach())


def imitate(agent: FlorisAgent, optimizer: torch.optim.Optimizer, shown: Rows, size: int = 256) -> float:
    """Fine-tuning on what a teacher did."""
    total = 0.0
    for _, batch in shown.minibatches(size):
        agent.reset_memory()
        out = agent(batch.select("env_obs"), action=batch["actions"])
        loss = -out["act_log_prob"].mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        clip_grad_norm_(agent.parameters(), 0.5)
        optimizer.step()
        total += float(loss.detach())
    return total
