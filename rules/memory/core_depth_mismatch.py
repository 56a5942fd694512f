from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import AgentConfig, PolicyClass
from policyfix.subjects.execution import Configured
from policyfix.subjects.policy import policy_of
from policyfix.trace import Branch, Escape
from policyfix.values import SEQUENCE_CORES, Const, Term, Value, argument, is_keyword, parts, walk


class CoreDepthMismatch(Rule[PolicyClass | AgentConfig]):
    """A recurrent core has another number of layers than the config or the constructor says.

    ## What it does
    Reports two things: an agent config whose core has so many layers, where the class that is built under the
    config's name builds its core with a fixed number of others; and a contract policy whose constructor takes
    `num_layers` and builds its core with a fixed number of layers, whatever is given.

    ## Why it matters
    Both run. The one that was meant to be like the other has half its memory, learns another function, and
    cannot load the other's checkpoints; a search over the number of layers compares equal policies.

    ## Example
    ```python
    class Agent(nn.Module):
        def __init__(self, env, hidden_size=128, num_layers=2):
            super().__init__()
            self.lstm = nn.LSTM(hidden_size, hidden_size)
    ```

    ## Use instead
    ```python
    class Agent(nn.Module):
        def __init__(self, env, hidden_size=128, num_layers=2):
            super().__init__()
            self.lstm = nn.LSTM(hidden_size, hidden_size, num_layers=num_layers)
    ```

    ## Fix safety
    None: another depth means other weights, and checkpoints of the old ones do not load.

    ## Source
    Metta-AI/metta at cef2d0434a: `fast.yaml` has two layers, `Fast` one (divergence B07).
    """

    code = "PF209"
    name = "core-depth-mismatch"

    def check(self, subject: PolicyClass | AgentConfig) -> Iterator[Finding]:
        if subject.contract.depth is None:
            return
        if isinstance(subject, PolicyClass):
            yield from self._check_policy(subject, subject.contract.depth)
        else:
            yield from self._check_config(subject, subject.contract.depth)

    def _check_config(self, config: AgentConfig, option: str) -> Iterator[Finding]:
        if config.depth is None or config.twin is None:
            return
        wanted, place = config.depth
        policy = policy_of(config.twin, config.contract)
        if not policy.is_contract or policy.is_open or not policy.building.complete:
            return
        if policy.takes(option) is not False:
            return
        found = _depths(call.core for call in policy.cores)
        if len(found) == 1 and (depth := found.pop()) not in (None, wanted):
            layers = "1 layer" if wanted == 1 else f"{wanted} layers"
            yield self.finding(
                place,
                f"the core has {layers} here, and {depth} in {config.twin.name}, which is built under the "
                "config's name",
                config,
            )

    def _check_policy(self, policy: PolicyClass, option: str) -> Iterator[Finding]:
        constructor = policy.constructor
        if constructor is None or option not in constructor[0].accepts or not policy.is_contract:
            return
        built = policy.configured({option: _GIVEN})
        if built is None or policy.is_open or policy.sets_later(option):
            return
        found = _depths(built.held)
        if len(found) == 1 and (depth := found.pop()) is not None and not _notices(built):
            layers = "1 layer" if depth == 1 else f"{depth} layers"
            yield self.finding(
                policy.place(*constructor),
                f"the constructor takes {option}, and its core has {layers} whatever is given",
                policy,
            )


def _named(argument: Value) -> Collection[Value]:
    """What a keyword argument stands for."""
    return parts(argument) if is_keyword(argument) else ()


_GIVEN = Term("option", (Const("depth"),), 0)


def _notices(built: Configured) -> bool:
    """Whether something is computed from the number of layers, or handed it: another net, a helper. That the
    instance keeps the number is not enough, nor is a core that another one replaces."""
    held = set(built.held)
    replaced = {term for term in built.terms if _is_core(term) and term not in held}
    asked = (term for term in built.terms if term not in replaced and not is_keyword(term))
    seen = [part for term in asked for arg in term.args for part in (arg, *_named(arg))]
    seen += [event.value for event in built.construction.of(Escape)]
    seen += [event.test for event in built.construction.of(Branch)]
    return any(part is _GIVEN for value in seen for part in walk(value, lambda _: False))


def _depths(values: Iterable[Value]) -> set[int | None]:
    """The numbers of layers of the cores among values; None among them where one is not a number of the
    source."""
    return {_depth(value) for value in values if isinstance(value, Term) and _is_core(value)}


def _is_core(term: Term) -> bool:
    return term.op.removeprefix("new:") in SEQUENCE_CORES


def _depth(core: Term) -> int | None:
    given: Value = argument(core, 2, "num_layers") or Const(1)
    spread = argument(core, len(core.args), "**")
    if spread is None and isinstance(given, Const) and isinstance(given.value, int):
        return given.value
    return None
