"""PPO over segments."""

import sys
from dataclasses import dataclass

import torch
import yaml
from torch.nn.utils import clip_grad_norm_

from birds import build
from birds.perch import Perch


@dataclass
class Settings:
    horizon: int = 64
    minibatch: int = 32
    epochs: int = 1
    gamma: float = 0.977
    lam: float = 0.916
    clip: float = 0.1
    entropy: float = 0.002
    value: float = 0.44
    l2_init: float = 0.0
    max_norm: float = 0.5


def advantages(rewards, values, over, gamma, lam):
    """All [rows, steps]; over is where an episode ended, of itself or not."""
    result, last = torch.zeros_like(rewards), torch.zeros_like(rewards[:, 0])
    for t in reversed(range(rewards.shape[1] - 1)):
        goes_on = 1 - over[:, t + 1]
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * goes_on - values[:, t]
        last = delta + gamma * lam * goes_on * last
        result[:, t] = last
    return result


def ppo_loss(policy, out, minibatch, s):
    ratio = (out["act_log_prob"] - minibatch["act_log_prob"]).exp()
    gain = minibatch["advantages"]
    gain = (gain - gain.mean()) / (gain.std() + 1e-8)
    surrogate = torch.maximum(-gain * ratio, -gain * ratio.clamp(1 - s.clip, 1 + s.clip)).mean()
    value = (out["value"] - minibatch["returns"]).square().mean() / 2
    loss = surrogate + s.value * value - s.entropy * out["entropy"].mean()
    return loss + s.l2_init * policy.l2_init_loss() if s.l2_init else loss


def rollout(policy: Perch, env, s: Settings):
    policy.reset_memory()
    seen = []
    td = env.reset()
    with torch.no_grad():
        for _ in range(s.horizon):
            policy(td)
            seen.append(td.select("env_obs", "rewards", "dones", "truncateds", "actions", "act_log_prob", "values"))
            td = env.step(td["actions"])
    return torch.stack(seen, dim=1)


def learn(policy: Perch, optimizer, batch, s: Settings):
    over = torch.maximum(batch["dones"].float(), batch["truncateds"].float())
    batch["advantages"] = advantages(batch["rewards"], batch["values"], over, s.gamma, s.lam)
    batch["returns"] = batch["advantages"] + batch["values"]
    keys = [*policy.get_agent_experience_spec().keys(), "dones", "truncateds"]
    for _ in range(s.epochs):
        for rows in torch.randperm(batch.batch_size[0]).split(s.minibatch):
            minibatch = batch[rows]
            policy.reset_memory()
            out = policy(minibatch.select(*keys), action=minibatch["actions"])
            loss = ppo_loss(policy, out, minibatch, s)
            optimizer.zero_grad()
            loss.backward()
            clip_grad_norm_(policy.parameters(), s.max_norm)
            optimizer.step()
            policy.clip_weights()


def train(env, cfg, updates=1000, s=Settings()):
    policy = build(env, cfg)
    optimizer = torch.optim.Adam(policy.parameters(), lr=4.5e-4, eps=1e-12)
    for _ in range(updates):
        learn(policy, optimizer, rollout(policy, env, s), s)
    return policy


if __name__ == "__main__":
    from worlds import make_world

    with open(sys.argv[1]) as file:
        train(make_world(), yaml.safe_load(file))
