"""(type, argument) and joint index are a bijection: round trips over the whole space, both directions."""

from collections import defaultdict

import torch

from ..harness import Bench, BrokenClauseError

HINT = "joint index = type + cumulated maxima[type] + argument: it must invert the index -> action table"


def probe(bench: Bench) -> str:
    policy, contract = bench.policy(), bench.contract
    names = (contract.to_index, contract.from_index)
    if missing := [name for name in names if not callable(getattr(policy, name, None))]:
        raise BrokenClauseError(f"the policy has no {', '.join(missing)}")
    to_index, from_index = (getattr(policy, name) for name in names)
    actions = bench.joint_actions()
    index = to_index(actions).long().reshape(-1)
    everything = torch.arange(len(actions))
    problems = []
    if shared := _shared(actions.tolist(), index.tolist()):
        distinct = len(set(index.tolist()))
        problems.append(f"{len(actions)} joint actions collapse to {distinct} indices: {shared}")
    if bool(((index < 0) | (index >= len(actions))).any()):
        problems.append(
            f"indices run from {int(index.min())} to {int(index.max())}, not 0 to {len(actions) - 1}"
        )
    else:
        returned = from_index(index)
        if wrong := int((returned != actions).any(-1).sum()):
            problems.append(f"{wrong} of {len(actions)} actions do not return from action -> index -> action")
    back = to_index(from_index(everything)).long().reshape(-1)
    if wrong := int((back != everything).sum()):
        problems.append(f"{wrong} of {len(actions)} indices do not return from index -> action -> index")
    if problems:
        raise BrokenClauseError("; ".join(problems))
    return f"{len(actions)} joint actions, all indices distinct, round trips exact in both directions"


def _shared(actions: list[list[int]], index: list[int]) -> str:
    """The first actions that share an index, in words; empty where none do."""
    sharing: defaultdict[int, list[tuple[int, ...]]] = defaultdict(list)
    for action, joint in zip(actions, index, strict=True):
        sharing[joint].append(tuple(action))
    return next(
        (
            f"e.g. {' and '.join(map(str, same))} share {joint}"
            for joint, same in sharing.items()
            if len(same) > 1
        ),
        "",
    )
