from __future__ import annotations

import torch
from tensordict import TensorDict

from grid.env import Step, TokenGrid
from ppo.buffer import write_column


def as_td(step: Step, device: torch.device) -> TensorDict:
    rows = step.obs.shape[0]
    return TensorDict(
        {
            "env_obs": step.obs.to(device),
            "rewards": step.rewards.to(device),
            "dones": step.dones.to(device),
            "truncateds": step.truncs.to(device),
            "training_env_id_start": torch.full((rows,), step.start, dtype=torch.int64, device=device),
        },
        batch_size=[rows],
    )


@torch.no_grad()
def collect(policy, env: TokenGrid, buffer: TensorDict, device: torch.device) -> float:
    """Fills the buffer, segment after segment for each group, and answers the mean reward."""
    policy.reset_memory()
    horizon = buffer.shape[1]
    base = {group * env.group_size: group * env.group_size for group in range(env.groups)}
    column = {start: 0 for start in base}
    full, total, count = 0, 0.0, 0
    while full < buffer.shape[0]:
        step = env.recv()
        td = policy(as_td(step, device))
        first = base[step.start] % buffer.shape[0]
        write_column(buffer, slice(first, first + env.group_size), column[step.start], td)
        env.send(td["actions"].cpu())
        column[step.start] += 1
        if column[step.start] == horizon:
            column[step.start] = 0
            base[step.start] += env.num_envs
            full += env.group_size
        total += step.rewards.sum().item()
        count += env.group_size
    return total / max(count, 1)


@torch.no_grad()
def evaluate(policy, env: TokenGrid, steps: int, device: torch.device) -> float:
    policy.eval()
    scores = []
    for _ in range(steps):
        step = env.recv()
        td = policy(as_td(step, device))
        env.send(td["actions"].cpu())
        scores.append(step.rewards.mean())
    policy.train()
    return torch.stack(scores).mean().item()


@torch.no_grad()
def evaluate_aside(policy, env: TokenGrid, steps: int, device: torch.device) -> float:
    """Plays with an empty memory and gives the running one back afterwards."""
    running = policy.get_memory()
    policy.reset_memory()
    total = 0.0
    for _ in range(steps):
        step = env.recv()
        env.send(policy(as_td(step, device))["actions"].cpu())
        total += step.rewards.mean().item()
    policy.set_memory(running)
    return total / steps
