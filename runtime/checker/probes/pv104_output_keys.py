"""Every output that the contract asks for is written, with its shape and dtype, and is finite."""

import torch
from tensordict import TensorDictBase

from ..harness import Bench, BrokenClauseError

HINT = "write every key of the mode: an int32 action pair a row, one float a row, one log-prob a logit"

Shapes = dict[str, tuple[int | None, ...]]  # None: any length


def probe(bench: Bench) -> str:
    batch, steps = 3, 4
    policy = bench.policy()
    keys, trained_keys = bench.contract.rollout, bench.contract.training
    rollout = bench.step(policy, bench.observations(batch))
    problems = _problems(
        "rollout",
        rollout,
        {
            keys.actions: (batch, 2),
            keys.act_log_prob: (batch,),
            keys.value: (batch,),
            keys.full_log_probs: (batch, None),
        },
        integer=keys.actions,
    )
    trained = bench.train(bench.twin(policy), bench.observations(batch, steps), bench.actions(batch, steps))
    problems += _problems(
        "training",
        trained,
        {
            trained_keys.act_log_prob: (batch, steps),
            trained_keys.entropy: (batch, steps),
            trained_keys.value: (batch, steps, 1),
            trained_keys.full_log_probs: (batch, steps, None),
        },
    )
    if problems:
        raise BrokenClauseError("; ".join(problems))
    return "all keys of both modes, with the contract's shapes and dtypes, finite"


def _problems(mode: str, td: TensorDictBase, shapes: Shapes, integer: str | None = None) -> list[str]:
    problems = []
    for key, shape in shapes.items():
        tensor = td.get(key)
        if tensor is None:
            problems.append(f"{mode}: {key!r} is never written")
            continue
        fits = len(shape) == tensor.ndim and all(
            wanted in (None, actual) for wanted, actual in zip(shape, tensor.shape, strict=True)
        )
        if not fits:
            wanted_shape = ", ".join("A" if length is None else str(length) for length in shape)
            problems.append(f"{mode}: {key!r} has shape {list(tensor.shape)}, not [{wanted_shape}]")
        if key == integer and tensor.dtype != torch.int32:
            problems.append(f"{mode}: {key!r} is {tensor.dtype}, not int32")
        if key != integer and not tensor.is_floating_point():
            problems.append(f"{mode}: {key!r} is {tensor.dtype}, not a float")
        elif tensor.isnan().any() or (tensor == float("inf")).any():
            problems.append(f"{mode}: {key!r} has NaN or infinite entries")
    return problems
