"""A short run for every number of hidden units: no logging, no checkpoints, one table at the end."""

import torch

from birds.lark import Lark
from birds.make import equip
from loop import Settings, ppo_loss, rollout


def quick_advantages(td, gamma, lam):
    result, last = torch.zeros_like(td["rewards"]), 0.0
    for t in range(td["rewards"].shape[1] - 2, -1, -1):
        alive = 1.0 - td["dones"][:, t + 1].float()
        delta = td["rewards"][:, t + 1] + gamma * td["values"][:, t + 1] * alive - td["values"][:, t]
        last = delta + gamma * lam * alive * last
        result[:, t] = last
    return result


def short_run(env, hidden_size, updates=50, s=Settings(minibatch=16)):
    policy = equip(Lark(env, hidden_size=hidden_size), env, "cpu")
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-3)
    score = 0.0
    for _ in range(updates):
        batch = rollout(policy, env, s)
        batch["advantages"] = quick_advantages(batch, s.gamma, s.lam)
        batch["returns"] = batch["advantages"] + batch["values"]
        score = batch["rewards"].mean().item()
        for rows in torch.arange(batch.batch_size[0]).split(s.minibatch):
            minibatch = batch[rows]
            out = policy(minibatch.select("env_obs", "dones", "truncateds"), action=minibatch["actions"])
            loss = ppo_loss(policy, out, minibatch, s)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(policy.parameters(), s.max_norm)
            optimizer.step()
    return score


def table(make_env, sizes=(32, 64, 128, 256)):
    return {size: short_run(make_env(), size) for size in sizes}
