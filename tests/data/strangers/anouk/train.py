"""python train.py --agent gru --iterations 50"""
from __future__ import annotations

import argparse

import torch

from grid.actions import install_tables
from grid.env import TokenGrid
from nets.policies import CompactGRU, TokenLSTM
from ppo.buffer import allocate, scale_rewards
from ppo.collect import collect, evaluate, evaluate_aside
from ppo.config import LearnConfig
from ppo.distill import distill, swap_heads
from ppo.updates import accumulated_epoch, accumulated_tail, imitate, ppo_epochs, warm_up_critic

AGENTS = {"lstm": TokenLSTM, "gru": CompactGRU}


def build(cfg: LearnConfig, env: TokenGrid, device: torch.device):
    agent = cfg.agent
    policy = AGENTS[agent.kind](
        env,
        hidden_size=agent.hidden_size,
        num_layers=agent.num_layers,
        clip_range=agent.clip_range,
        analyze_weights_interval=agent.analyze_weights_interval,
    )
    return install_tables(policy.to(device), env, device)


def pass_on(cfg: LearnConfig, device: torch.device, rounds: int = 4) -> None:
    """A fresh student, a trained teacher, and then both at once."""
    env = TokenGrid(seed=3)
    teacher, student = build(cfg, env, device), build(cfg, env, device)
    teacher.load_state_dict(torch.load("teacher.pt", map_location=device))
    optimizers = [torch.optim.Adam(policy.parameters(), lr=cfg.lr) for policy in (student, teacher)]
    buffer = allocate(teacher, cfg.segments, cfg.horizon)
    for _ in range(rounds):
        collect(teacher, env, buffer, device)
        print("divergence", distill(student, teacher, optimizers[0], buffer, cfg))
    swap_heads(student, teacher, optimizers, buffer, cfg)
    torch.save(student.state_dict(), "student.pt")


def run(cfg: LearnConfig, device: torch.device) -> None:
    env, probe = TokenGrid(seed=1), TokenGrid(seed=2)
    policy = build(cfg, env, device)
    optimizer = torch.optim.Adam(policy.parameters(), lr=cfg.lr, eps=1e-8)
    buffer = allocate(policy, cfg.segments, cfg.horizon)
    for iteration in range(cfg.iterations):
        reward = collect(policy, env, buffer, device)
        scale_rewards(buffer, buffer["rewards"].abs() > 10.0, 0.1)
        if iteration < cfg.warmup:
            warm_up_critic(policy, optimizer, buffer, cfg)
            imitate(policy, optimizer, buffer, cfg)
        elif cfg.accumulate > 1:
            accumulated_epoch(policy, optimizer, buffer, cfg)
            optimizer.zero_grad()
            accumulated_tail(policy, optimizer, list(buffer.split(cfg.minibatch)), cfg)
        else:
            ppo_epochs(policy, optimizer, buffer, cfg)
        if iteration % cfg.evaluate_every == 0:
            print(iteration, reward, evaluate(policy, probe, 50, device), evaluate_aside(policy, probe, 50, device))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--agent", choices=sorted(AGENTS), default="lstm")
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--distill", action="store_true")
    options = parser.parse_args()
    config = LearnConfig(iterations=options.iterations)
    config.agent.kind = options.agent
    (pass_on if options.distill else run)(config, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
