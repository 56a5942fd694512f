"""After a boundary the row starts afresh and its neighbours go on.

Done alone, truncated alone, both; and with only one of the two keys in the TensorDict.
"""

import torch

from ..harness import TOLERANCE, Bench, BrokenClauseError, gap, rows

HINT = "zero the state of a row where either flag is true, before the step; each key may be absent"
BATCH, FLAGGED = 4, 1


def probe(bench: Bench) -> str:
    bench.need_recurrent_policy(bench.policy())
    bench.need_carried_state()
    done, truncated = bench.contract.boundaries
    variants: dict[str, tuple[bool, bool, tuple[str, ...]]] = {
        f"{done} true": (True, False, ()),
        f"{truncated} true": (False, True, ()),
        "both true": (True, True, ()),
        f"{done} true, no {truncated} key": (True, False, (truncated,)),
        f"{truncated} true, no {done} key": (False, True, (done,)),
    }
    problems = [
        f"{name}: {problem}" for name, variant in variants.items() for problem in _problems(bench, *variant)
    ]
    if problems:
        raise BrokenClauseError("; ".join(problems))
    return f"the flagged row equals a new policy's, its neighbours are unchanged: {', '.join(variants)}"


def _problems(bench: Bench, done: bool, truncated: bool, without: tuple[str, ...]) -> list[str]:
    policy = bench.policy()
    undisturbed, fresh = bench.twin(policy), bench.twin(policy)
    for _ in range(3):
        observed = bench.observations(BATCH)
        bench.step(policy, observed.clone(), without=without)
        bench.step(undisturbed, observed.clone(), without=without)
    observed, flagged = bench.observations(BATCH), bench.flags(BATCH, at=[(FLAGGED,)])
    quiet = torch.zeros_like(flagged)
    td = bench.step(
        policy,
        observed.clone(),
        dones=flagged if done else quiet,
        truncateds=flagged if truncated else quiet,
        without=without,
    )
    after = bench.outputs(td)
    new = bench.stepped(fresh, observed, without=without)
    going_on = bench.stepped(undisturbed, observed, without=without)
    problems = []
    if (apart := gap(rows(after, flagged), rows(new, flagged))) > TOLERANCE:
        problems.append(f"the flagged row differs by {apart:.1e} from a new policy's")
    if (apart := gap(rows(after, ~flagged), rows(going_on, ~flagged))) > TOLERANCE:
        problems.append(f"rows without a flag change by {apart:.1e}")
    return problems
