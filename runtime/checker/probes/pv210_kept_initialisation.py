"""The gains that layers are given are those that they start with: no later loop over everything levels them.

Construction runs under a profiling hook that sees every call of `torch.nn.init` with a gain or a constant,
however the function was imported. What is drawn anew on purpose is left alone: only a pass that reaches all
weights (or all biases) of the module around a layer, and levels numbers that were apart, undoes a choice.
"""

import sys
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

from torch import Tensor, nn

from ..harness import Bench, BrokenClauseError, NotApplicableError

HINT = "initialise each layer once, or what is special after the loop over all parameters"

# The functions with one number that decides: what they do, and the argument or the constant that says it.
_NUMBERS: dict[CodeType, tuple[str, str | float]] = {
    nn.init.orthogonal_.__code__: ("gain", "gain"),
    nn.init.constant_.__code__: ("constant", "val"),
    nn.init.zeros_.__code__: ("constant", 0.0),
    nn.init.ones_.__code__: ("constant", 1.0),
}


@dataclass(frozen=True, slots=True)
class _Call:
    tensor: Tensor  # kept, so that no other tensor comes to lie at its place
    what: str
    number: float
    loop: tuple[FrameType, int]  # the run of a function that calls and the line, or the run of `Module.apply`

    @property
    def weight(self) -> tuple[int, int]:
        """Where the numbers lie: `layer.weight` and `layer.weight.data` are two tensors."""
        return _place(self.tensor)


def probe(bench: Bench) -> str:
    policy, calls = _watched(bench)
    named = {_place(parameter): path for path, parameter in policy.named_parameters()}
    calls = [call for call in calls if call.weight in named]
    if not calls:
        raise NotApplicableError(
            "the constructor gives no parameter a gain or a constant through torch.nn.init"
        )
    undone = []
    for weight in dict.fromkeys(call.weight for call in calls):
        given = [call for call in reversed(calls) if call.weight == weight]
        last = given[0]
        chosen = next((call for call in given if call.loop != last.loop), last)
        if chosen.what == last.what and chosen.number != last.number:
            reached = {
                call.weight
                for call in calls
                if (call.loop, call.what, call.number) == (last.loop, last.what, last.number)
            }
            if _levels(calls, reached, last) and _around(policy, named[weight]) <= reached:
                undone.append(
                    f"{named[weight]} was given the {last.what} {chosen.number:.3g}, and has "
                    f"{last.number:.3g} after a loop over {len(reached)} parameters"
                )
    if undone:
        raise BrokenClauseError("; ".join(undone))
    kept = len({call.weight for call in calls})
    return f"{kept} parameters start with the gain or the constant that the constructor chose for them"


def _watched(bench: Bench) -> tuple[nn.Module, list[_Call]]:
    """A new policy and the initialisations of its construction, in order, but for torch's own."""
    calls: list[_Call] = []

    def see(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code in _NUMBERS:
            caller = frame.f_back
            if caller is None or str(caller.f_globals.get("__name__")).startswith("torch."):
                return
            what, number = _NUMBERS[frame.f_code]
            given = frame.f_locals[number] if isinstance(number, str) else number
            calls.append(_Call(frame.f_locals["tensor"], what, float(given), _loop(caller)))

    profiler = sys.getprofile()
    sys.setprofile(see)
    try:
        return bench.policy(), calls
    finally:
        sys.setprofile(profiler)


def _loop(caller: FrameType) -> tuple[FrameType, int]:
    loop, frame = (caller, caller.f_lineno), caller.f_back
    while frame is not None:
        if frame.f_code is nn.Module.apply.__code__:  # the outermost: it calls itself for children
            loop = frame, 0
        frame = frame.f_back
    return loop


def _levels(calls: list[_Call], reached: set[tuple[int, int]], last: _Call) -> bool:
    """Whether the weights that a loop reaches had different numbers, or some of them none, before it."""
    before: dict[tuple[int, int], float] = {}
    for call in calls[: next(place for place, call in enumerate(calls) if call.loop == last.loop)]:
        if call.what == last.what:
            before[call.weight] = call.number
    return len({before.get(weight) for weight in reached}) > 1


def _around(policy: nn.Module, path: str) -> set[tuple[int, int]]:
    """The weights, or the biases, of the module that holds the layer of a parameter."""
    layer = path.rpartition(".")[0]
    holder = policy.get_submodule(layer.rpartition(".")[0])
    is_bias = policy.get_parameter(path).ndim == 1
    return {
        _place(parameter)
        for name, parameter in holder.named_parameters()
        if (parameter.ndim == 1 and "bias" in name if is_bias else parameter.ndim > 1)
    }


def _place(tensor: Tensor) -> tuple[int, int]:
    return tensor.data_ptr(), tensor.numel()
