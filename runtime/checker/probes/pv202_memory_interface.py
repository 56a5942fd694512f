"""The trainer can ask for, take, give back and clear the memory.

get, further steps, set: the same outputs as before the further steps. reset: the outputs of a new policy.
A snapshot is a copy: neither side sees what the other does to it.
"""

import copy
from typing import Any

from torch import Tensor

from ..harness import TOLERANCE, Bench, BrokenClauseError, NotApplicableError, gap, tensors_in

HINT = (
    "offer has/get/set/reset of the memory; get hands out copies, set takes copies, reset forgets everything"
)
BATCH = 3


def probe(bench: Bench) -> str:
    policy, names = bench.policy(), bench.contract.memory
    bench.need_recurrent_policy(policy)
    methods = (names.has, names.get, names.set, names.reset)
    if missing := [name for name in methods if not callable(getattr(policy, name, None))]:
        raise BrokenClauseError(f"the policy has a recurrent core but no {', '.join(missing)}")
    if not getattr(policy, names.has)():
        raise BrokenClauseError(f"{names.has}() is false although the policy has a recurrent core")
    if not bench.carries_state():
        raise NotApplicableError(
            f"{', '.join(methods)} exist, but there is no state to test them on (see PV205)"
        )
    _round_trip(bench)
    _reset(bench)
    _snapshot_written_to(bench)
    return "get/set round trip, reset equal to a new policy, snapshot independent of the policy"


def _warmed_up(bench: Bench, policy: Any, steps: list[Tensor]) -> None:
    for observed in steps:
        bench.step(policy, observed.clone())


def _round_trip(bench: Bench) -> None:
    policy, names = bench.policy(), bench.contract.memory
    warm_up, further = ([bench.observations(BATCH) for _ in range(3)] for _ in range(2))
    observed = bench.observations(BATCH)
    _warmed_up(bench, policy, warm_up)
    snapshot = getattr(policy, names.get)()
    taken = copy.deepcopy(snapshot)
    expected = bench.stepped(policy, observed)
    _warmed_up(bench, policy, further)
    getattr(policy, names.set)(copy.deepcopy(taken))
    apart = gap(bench.stepped(policy, observed), expected)
    if apart > TOLERANCE:
        raise BrokenClauseError(
            f"after {names.set} of an earlier snapshot the same step differs by {apart:.1e}"
        )
    getattr(policy, names.set)(snapshot)
    apart = gap(bench.stepped(policy, observed), expected)
    if apart > TOLERANCE:
        raise BrokenClauseError(
            f"{names.get} hands out the live container: later steps changed the snapshot by {apart:.1e}"
        )


def _reset(bench: Bench) -> None:
    policy, names = bench.policy(), bench.contract.memory
    _warmed_up(bench, policy, [bench.observations(BATCH) for _ in range(3)])
    getattr(policy, names.reset)()
    observed = bench.observations(BATCH)
    fresh = bench.stepped(bench.twin(policy), observed)
    apart = gap(bench.stepped(policy, observed), fresh)
    if apart > TOLERANCE:
        raise BrokenClauseError(
            f"after {names.reset} the next step differs by {apart:.1e} from a new policy's"
        )


def _snapshot_written_to(bench: Bench) -> None:
    policy, names = bench.policy(), bench.contract.memory
    control = bench.twin(policy)
    warm_up, observed = [bench.observations(BATCH) for _ in range(3)], bench.observations(BATCH)
    for one in (policy, control):
        _warmed_up(bench, one, warm_up)
    tensors = list(tensors_in(getattr(policy, names.get)()))
    if not tensors:
        raise BrokenClauseError(f"{names.get}() holds no tensor although the policy carries state")
    for tensor in tensors:
        tensor.zero_()
    expected = bench.stepped(control, observed)
    apart = gap(bench.stepped(policy, observed), expected)
    if apart > TOLERANCE:
        raise BrokenClauseError(
            f"{names.get} hands out the live tensors: writing to the snapshot changed the next step"
        )
