"""Rollouts as generators."""
from __future__ import annotations

from collections.abc import Generator, Iterator

import torch
from tensordict import TensorDict
from torch import nn

from flow.world import Marsh


def steps(bird: nn.Module, env: Marsh, device: torch.device) -> Iterator[TensorDict]:
    """One policy step after the other, without end, from an empty memory."""
    game = env.play()
    td = next(game)
    bird.reset_memory()
    while True:
        with torch.no_grad():
            td = bird(td.to(device))
        yield td
        td = game.send(td["actions"].cpu())


def segments(bird: nn.Module, env: Marsh, device: torch.device, length: int, kept: list[str]) -> Generator[TensorDict, None, None]:
    """Stacks `length` steps of each group; whoever asks for the next segment finds the memory emptied."""
    stream = steps(bird, env, device)
    while True:
        groups: dict[int, list[TensorDict]] = {}
        bird.reset_memory()
        while not groups or min(map(len, groups.values())) < length:
            td = next(stream)
            groups.setdefault(td["training_env_id_start"][0].item(), []).append(td.select(*kept))
        for played in groups.values():
            yield torch.stack(played[:length], dim=1)


@torch.no_grad()
def score(bird: nn.Module, env: Marsh, device: torch.device, count: int = 40) -> float:
    game = env.play()
    td = next(game)
    bird.reset_memory()
    total = 0.0
    for _ in range(count):
        td = bird(td.to(device))
        total += td["rewards"].mean().item()
        td = game.send(td["actions"].cpu())
    bird.reset_memory()
    return total / count
