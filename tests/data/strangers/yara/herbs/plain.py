"""The same without autocast, for debugging on a CPU."""

from __future__ import annotations

import torch
from tensordict import TensorDict

from .registry import from_config


def returns_of(data: TensorDict, gamma: float, lam: float) -> torch.Tensor:
    r, v, d, cut = data["rewards"], data["values"], data["dones"].float(), data["truncateds"].float()
    adv = torch.zeros_like(r)
    acc = torch.zeros_like(r[:, 0])
    for t in range(r.shape[1] - 2, -1, -1):
        alive = 1 - d[:, t + 1]
        acc = r[:, t] + gamma * v[:, t + 1] * alive - v[:, t] + gamma * lam * alive * acc
        adv[:, t] = acc
    data["share_cut"] = cut.mean(1, keepdim=True).expand_as(r)
    return adv


def run(env, config: dict, updates: int, horizon: int) -> None:
    policy = from_config(env, config["agent"])
    optimizer = torch.optim.Adam(policy.parameters(), lr=config["lr"])
    for _ in range(updates):
        frames = []
        policy.reset_memory()
        for _ in range(horizon):
            td = env.receive()
            with torch.no_grad():
                policy(td)
            env.send(td["actions"])
            frames.append(td)
        data = torch.stack(frames, dim=1)
        data["advantages"] = returns_of(data, 0.99, 0.95)
        data["ratio"] = torch.ones_like(data["values"])
        for _ in range(4):
            rows = torch.randint(0, data.shape[0], (32,))
            mb = data[rows]
            policy.reset_memory()
            out = policy(mb.select("env_obs", "last_reward", strict=False), action=mb["actions"])
            ratio = (out["act_log_prob"] - mb["act_log_prob"]).exp()
            loss = -(ratio * mb["advantages"]).mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
            policy.clip_weights()
            optimizer.step()
            data["ratio"][rows].copy_(ratio.detach())
