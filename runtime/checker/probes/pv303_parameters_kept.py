"""Clipping keeps the parameters themselves: same objects, still trainable, outside the graph."""

from typing import Any

from torch import Tensor

from ..harness import Bench, BrokenClauseError, NotApplicableError, spread_weights

HINT = "clamp in place under torch.no_grad(): `weight.clamp_(-r, r)`; never rebind a parameter"
RANGE = 0.05


def probe(bench: Bench) -> str:
    name = bench.contract.clip_method
    policy = bench.policy_with_clip_range(RANGE)
    clip = getattr(policy, name, None)
    if not callable(clip):
        raise NotApplicableError(f"the policy has no {name} (see PV301)")
    spread_weights(policy)
    before = dict(policy.named_parameters())
    trainable = {path: parameter.requires_grad for path, parameter in before.items()}
    values = {path: parameter.detach().clone() for path, parameter in before.items()}
    try:
        clip()
    except RuntimeError as error:
        raise BrokenClauseError(f"{name}() raises where gradients are enabled: {error}") from None
    problems = _problems(policy, before, trainable)
    if problems:
        raise BrokenClauseError("; ".join(problems))
    if all(bool((parameter == values[path]).all()) for path, parameter in before.items()):
        raise NotApplicableError(f"{name}() changes no parameter (see PV301)")
    return f"{len(before)} parameters are the same objects, trainable, without grad_fn"


def _problems(policy: Any, before: dict[str, Tensor], trainable: dict[str, bool]) -> list[str]:
    after = dict(policy.named_parameters())
    problems = [f"{path} is no parameter any more" for path in before if path not in after]
    for path, parameter in after.items():
        if path not in before:
            problems.append(f"{path} is a new parameter")
        elif parameter is not before[path]:
            problems.append(f"{path} is another object: the optimizer keeps the old one")
        elif parameter.grad_fn is not None:
            problems.append(f"{path} is part of a graph")
        elif parameter.requires_grad != trainable[path]:
            problems.append(f"{path} has requires_grad={parameter.requires_grad}")
    return problems
