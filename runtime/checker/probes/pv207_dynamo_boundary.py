"""torch.compile meets no number that is fetched out of a tensor, or leaves the forward alone.

Dynamo traces rollout steps of two groups; nothing is generated for them, so no compiler is needed. At a
number the graph is split, and the code after it traced again for each new one. Graphs that end for other
reasons, as at an index by a mask, are counted, and are no fault of the state's. What
`torch.compiler.disable` keeps from Dynamo is left alone on purpose.
"""

import logging
from collections import Counter

import torch
from torch._dynamo.backends.debugging import ExplainWithBackend
from torch._dynamo.utils import counters

from ..harness import Bench, BrokenClauseError, NotApplicableError

HINT = "exclude the forward with @torch.compiler.disable, or find the state's slot without .item() or int()"


def probe(bench: Bench) -> str:
    bench.need_carried_state()
    policy, observations = bench.policy(), bench.observations(3)
    if not hasattr(torch._dynamo.config, "allow_rnn"):
        raise NotApplicableError(f"the Dynamo of torch {torch.__version__} follows no recurrent module")
    explaining = ExplainWithBackend("eager")
    log = logging.getLogger("torch._dynamo")
    level = log.level
    log.setLevel(logging.ERROR)  # what it warns of is our evidence
    torch._dynamo.reset()
    counters.clear()
    try:
        with torch._dynamo.config.patch(allow_rnn=True):
            compiled = torch.compile(policy, backend=explaining)
            for group in (0, 1, 0):
                bench.step(compiled, observations, group=group)
    finally:
        log.setLevel(level)
        torch._dynamo.reset()
    breaks = Counter({_first(reason): count for reason, count in counters["graph_break"].items()})
    asked = [reason for reason in breaks if "torch.compiler.disable" in reason]
    fetches = [reason for reason in breaks if "Tensor.item()" in reason]
    if fetches:
        raise BrokenClauseError(f"{_times(breaks[fetches[0]])}: {fetches[0]}{_place(explaining, fetches[0])}")
    graphs = counters["stats"]["unique_graphs"]
    others = [f"{_times(breaks[r])}: {r}{_place(explaining, r)}" for r in breaks if r not in asked]
    excluded = ["what is excluded stays as it is"] if asked else []
    return "; ".join([f"{graphs} graphs", *(others or ["no break"]), *excluded])


def _times(count: int) -> str:
    return f"the graph breaks {'once' if count == 1 else f'{count} times'}"


def _first(said: str) -> str:
    """What Dynamo says, without its explanations and hints."""
    return said.strip().partition("\n")[0]


def _place(explaining: ExplainWithBackend, reason: str) -> str:
    """Where a graph ended for that reason, if Dynamo knows."""
    ends = (e.user_stack[-1] for e in explaining.break_reasons if _first(e.reason) == reason and e.user_stack)
    return next((f" (line {frame.lineno}: {frame.line})" for frame in ends), "")
