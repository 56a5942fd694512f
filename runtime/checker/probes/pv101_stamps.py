"""Both stamps are written in both modes: int64, one entry per flattened row, equal to T and to B."""

import torch
from tensordict import TensorDictBase

from ..harness import Bench, BrokenClauseError

HINT = "write the stamps at the start of forward, after flattening: T and B, one int64 entry per row"


def probe(bench: Bench) -> str:
    batch, steps = 3, 4
    policy = bench.policy()
    rollout = bench.step(policy, bench.observations(batch))
    problems = _problems(bench, "rollout", rollout, steps=1, batch=batch)
    for length in (steps, 1):
        actions = bench.actions(batch, length)
        trained = bench.train(bench.twin(policy), bench.observations(batch, length), actions)
        problems += _problems(bench, f"training with T={length}", trained, steps=length, batch=batch)
    if problems:
        raise BrokenClauseError("; ".join(problems))
    return f"{bench.contract.bptt} and {bench.contract.batch} equal T and B in rollout and training"


def _problems(bench: Bench, mode: str, td: TensorDictBase, *, steps: int, batch: int) -> list[str]:
    problems = []
    for key, expected in ((bench.contract.bptt, steps), (bench.contract.batch, batch)):
        stamp = td.get(key)
        if stamp is None:
            problems.append(f"{mode}: {key!r} is never written")
        elif stamp.dtype != torch.int64:
            problems.append(f"{mode}: {key!r} is {stamp.dtype}, not int64")
        elif stamp.numel() != batch * steps:
            problems.append(f"{mode}: {key!r} has {stamp.numel()} entries for {batch * steps} rows")
        elif not bool((stamp == expected).all()):
            problems.append(f"{mode}: {key!r} is {stamp.flatten()[0].item()}, not {expected}")
    return problems
