"""The long runs: gradients of several minibatches make one step."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from tensordict import TensorDict

from ..agents import Anemone, Coral


def train(policy: Coral | Anemone, rollouts: Iterable[TensorDict], *, every: int = 2, lr: float = 3e-4) -> None:
    """`rollouts` yields [B, T] segments that another process has collected, with their advantages."""
    optimizer = torch.optim.Adam(policy.parameters(), lr=lr)
    optimizer.zero_grad()
    for number, segment in enumerate(rollouts):
        policy.reset_memory()
        out = policy(segment.select("env_obs", "dones", "truncateds"), action=segment["actions"])
        ratio = (out["act_log_prob"] - segment["act_log_prob"]).exp()
        gain = torch.min(ratio * segment["advantages"], ratio.clamp(0.9, 1.1) * segment["advantages"])
        miss = (out["value"].squeeze(-1) - segment["returns"]).square()
        loss = 0.5 * miss.mean() - gain.mean() - 0.002 * out["entropy"].mean() + 1e-4 * policy.l2_init_loss()
        (loss / every).backward()
        if (number + 1) % every:
            continue
        torch.nn.utils.clip_grad_norm_(policy.parameters(), max_norm=0.5)
        optimizer.step()
        policy.clip_weights()
        optimizer.zero_grad()
