"""The policy is built with the whole configuration, and its parameters arrive under their names."""

from ..harness import Bench, BrokenClauseError

HINT = "take the contract's parameters and **kwargs in the constructor and pass them to the base class"


def probe(bench: Bench) -> str:
    refused = bench.keywords.refused
    if refused:
        raise BrokenClauseError(
            f"the constructor refuses {', '.join(refused)} ({next(iter(refused.values()))})"
        )
    values = {
        name: default + offset
        for offset, (name, default) in enumerate(bench.contract.parameters.items(), start=1)
        if isinstance(default, (int, float)) and not isinstance(default, bool)
    }
    policy = bench.policy(**values)
    lost = [
        f"{name}={value!r} arrives as {getattr(policy, name)!r}"
        if hasattr(policy, name)
        else f"{name} is nowhere"
        for name, value in values.items()
        if getattr(policy, name, None) != value
    ]
    if lost:
        raise BrokenClauseError("the constructor takes but loses " + "; ".join(lost))
    return "built with the whole configuration; " + ", ".join(
        f"{name}={value}" for name, value in values.items()
    )
