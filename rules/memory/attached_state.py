from __future__ import annotations

from collections.abc import Iterator

from policyfix.facts import ir
from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.trace import CoreCall, InPlace, Store
from policyfix.values import Const, Term, Value, states_of, walk


class AttachedState(Rule[PolicyClass]):
    """A recurrent state is kept on the module with its autograd graph attached.

    ## What it does
    Reports a state that comes from a recurrent core, is stored on `self` with its graph, and is given to the
    core again at the next call, while nothing on the way detaches it. It is silent where a class does not
    serve the contract, and another of its methods, or a caller, sets the state anew: how long the graph is
    meant to live is theirs to say.

    ## Why it matters
    Each step then hangs on all steps before it: memory grows with the rollout, and the second backward either
    raises ("Trying to backward through the graph a second time") or sends gradients through weights that have
    been updated since.

    ## Example
    ```python
    out, (self._h, self._c) = self.lstm(x, (self._h, self._c))
    ```

    ## Use instead
    ```python
    out, (h, c) = self.lstm(x, (self._h, self._c))
    self._h, self._c = h.detach(), c.detach()
    ```
    or the runtime's base class, which keeps the state.

    ## Fix safety
    Safe where the class keeps state between calls of a trainer that resets it. Not offered for other modules:
    truncated back-propagation through an episode may be meant.

    ## Source
    PyTorch documentation, "Serialization semantics" and the truncated BPTT of its language-model example.
    """

    code = "PF201"
    name = "attached-state"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.cls.is_module or policy.cls.unknown:
            return
        calls = [call for trace in policy.traces for call in trace.of(CoreCall)]
        reused = {name for call in calls for name in _earlier(call.state)}
        written = {way for way, store in policy.kept_within if states_of(store.value)}
        for way, store in policy.kept_within:
            carried = states_of(store.value)
            if way in written and not any(carried.values()):  # another store, or a later one, is to blame
                continue
            if way not in reused or not policy.stays_attached(store) or self._handled(policy, way):
                continue
            if not policy.is_contract and ("." in way or self._elsewhere(policy, way)):
                continue
            yield self.finding(
                store.place,
                f"self.{way} keeps the recurrent state with its graph, "
                "and the next call reuses it: detach it",
                policy,
            )

    @staticmethod
    def _handled(policy: PolicyClass, attribute: str) -> bool:
        """Whether a method beside forward, that forward does not call, detaches the attribute."""
        assert policy.forward is not None
        run = {"__init__", policy.forward[0].name, *ir.names_in(policy.forward[0])}
        for cls in policy.cls.linked:
            for function in cls.facts.functions:
                if function.name in run:
                    continue
                trace = policy.evaluate(function.name)
                if trace is None:
                    continue
                replaced = [store.value for store in trace.of(Store) if _detached(store.value)]
                overwritten = [w.target for w in trace.of(InPlace) if w.operation == "detach_"]
                if any(attribute in _mentioned(value) for value in replaced + overwritten):
                    return True
        return False

    @staticmethod
    def _elsewhere(policy: PolicyClass, attribute: str) -> bool:
        """Whether a method beside the constructor and forward, or a caller, gives the attribute a new value:
        then the caller decides how long a graph may live."""
        assert policy.forward is not None
        if policy.module.project.texts.assigns(attribute):
            return True
        own = {policy.forward[0].qualname} | {store.place.symbol for store in policy.kept_states}
        for cls in policy.cls.linked:
            for function in cls.facts.functions:
                if function.name == "__init__" or function.qualname in own:
                    continue
                trace = policy.evaluate(function.name)
                if trace is not None and any(
                    store.attribute == attribute and store.place.symbol not in own  # a call of forward
                    for store in trace.of(Store)
                ):
                    return True
        return False


def _earlier(value: Value) -> set[str]:
    """Attributes whose earlier contents reach a value with their graph."""
    return {n for part in walk(value, lambda term: term.op != "detach") for n in _named(part, "earlier")}


def _mentioned(value: Value) -> set[str]:
    """Attributes whose contents a value is made of, detached or not."""
    return {n for part in walk(value) for op in ("earlier", "attribute") for n in _named(part, op)}


def _named(value: Value, op: str) -> set[str]:
    if isinstance(value, Term) and value.op == op and isinstance(value.args[-1], Const):
        return {str(value.args[-1].value)}
    return set()


def _detached(value: Value) -> bool:
    return any(isinstance(part, Term) and part.op == "detach" for part in walk(value))
