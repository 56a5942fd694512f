"""Rollouts and updates of one policy."""

from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from . import GridGRU, GridLSTM, QuickGRU

AGENTS: dict[str, type[nn.Module]] = {"gru": GridGRU, "lstm": GridLSTM, "quick": QuickGRU}


def make_policy(env, cfg: dict[str, Any]) -> nn.Module:
    """The policy that the config names, with all of its other options."""
    options = {key: value for key, value in cfg.items() if key not in ("agent_type", "_target_")}
    return AGENTS[cfg["agent_type"]](env, **options)


def advantages(batch: TensorDict, gamma: float, lam: float) -> Tensor:
    ended = torch.maximum(batch["dones"], batch["truncateds"])
    result, last = torch.zeros_like(batch["values"]), 0.0
    for t in reversed(range(batch.shape[1] - 1)):
        on = 1.0 - ended[:, t + 1]
        delta = batch["rewards"][:, t + 1] + gamma * on * batch["values"][:, t + 1] - batch["values"][:, t]
        result[:, t] = last = delta + gamma * lam * on * last
    return result


def rollout(policy: GridGRU | GridLSTM, vecenv, buffer, device: torch.device) -> None:
    policy.reset_memory()
    while not buffer.full:
        obs, rewards, dones, truncateds, ids = vecenv.recv()
        td = TensorDict(
            {
                "env_obs": torch.as_tensor(obs, device=device),
                "rewards": torch.as_tensor(rewards, device=device),
                "dones": torch.as_tensor(dones, device=device).float(),
                "truncateds": torch.as_tensor(truncateds, device=device).float(),
                "training_env_id_start": torch.full((len(obs),), ids.start, device=device),
            },
            batch_size=[len(obs)],
        )
        with torch.no_grad():
            policy(td)
        buffer.store(td, ids)
        vecenv.send(td["actions"].cpu().numpy())


def update(policy: GridGRU | GridLSTM, optimizer: torch.optim.Optimizer, buffer, epochs: int) -> None:
    for _ in range(epochs):
        for batch in buffer.minibatches():
            policy.reset_memory()
            td = policy(batch.select("env_obs"), action=batch["actions"])
            adv = advantages(batch, 0.977, 0.916)
            ratio = (td["act_log_prob"] - batch["act_log_prob"]).exp()
            loss = -torch.min(ratio * adv, ratio.clamp(0.9, 1.1) * adv).mean()
            loss = loss + 0.5 * (td["value"].squeeze(-1) - batch["returns"]).square().mean()
            loss = loss - 0.002 * td["entropy"].mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            clip_grad_norm_(policy.parameters(), 0.5)
            optimizer.step()
            policy.clip_weights()
