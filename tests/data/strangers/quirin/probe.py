"""Plays a few episodes with a fresh bird of a config, to look at it before anything is trained."""

import torch

from birds.make import BIRDS, equip


def probe_policy(env, cfg, device="cpu"):
    kind = BIRDS[cfg["agent_type"]]
    return equip(kind(env, hidden_size=cfg["hidden_size"]).to(device), env, device)


@torch.no_grad()
def play(env, cfg, steps=200):
    policy = probe_policy(env, cfg)
    policy.reset_memory()
    reward = 0.0
    td = env.reset()
    for _ in range(steps):
        policy(td)
        td = env.step(td["actions"])
        reward += td["rewards"].mean().item()
    return reward
