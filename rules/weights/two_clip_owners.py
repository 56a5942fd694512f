from __future__ import annotations

from collections.abc import Iterator

from policyfix.project import External
from policyfix.rule import Finding, Rule
from policyfix.subjects import Factory, PolicyClass
from policyfix.subjects.execution import Configured
from policyfix.subjects.weights import Clamp, clamps, clipping, number, owner
from policyfix.subjects.wrapper import Wrapper, wrappers
from policyfix.trace import Branch
from policyfix.values import Const, Group, Ref, Term, Thing, Value, is_module, options, walk


class TwoClipOwners(Rule[PolicyClass | Factory]):
    """A wrapper and the policy in it both clip the same weights, to different ranges.

    ## What it does
    Reports a clamp over all weights of a contract policy where the policy or a net in it has, in the same
    call of `clip_weights`, clamped some of them to another range; and over the policy that a factory's module
    keeps, where a class that the factory builds has clamped itself. Both ranges must be known, as numbers or
    as multiples of the config's `clip_range`.

    ## Why it matters
    The narrower range wins, whichever it is: the config's range describes half of the network at best, and
    who changes one of the two sees no effect.

    ## Example
    ```python
    def clip_weights(self):
        self.policy.clip_weights()  # clamps to ±clip_range
        for weight in self.parameters():
            weight.data.clamp_(-1, 1)
    ```

    ## Use instead
    ```python
    def clip_weights(self):
        self.policy.clip_weights()
    ```

    ## Fix safety
    None: which of the two ranges is meant, the source does not say.

    ## Source
    Metta-AI/metta at cef2d0434a: the agent clamps to ±1 what its policy is meant to clamp to `clip_range`.
    """

    code = "PF304"
    name = "two-clip-owners"

    def check(self, subject: PolicyClass | Factory) -> Iterator[Finding]:
        if isinstance(subject, Factory):
            for around in wrappers(subject):
                yield from self._check_wrapper(subject, around)
        elif subject.is_contract:
            yield from self._check_policy(subject)

    def _check_wrapper(self, factory: Factory, around: Wrapper) -> Iterator[Finding]:
        outer = next(around.clamps(delegates=True), None)
        if outer is None or not around.delegates():
            return
        for policy in factory.policies:
            built = clipping(policy) if policy.is_contract else None
            if built is not None and any(_differ(inner, outer) for inner in _certain(built)):
                yield self.finding(
                    outer.place,
                    f"clamps weights that {policy.name} has clamped to another range: the narrower wins",
                    factory,
                )
                return

    def _check_policy(self, policy: PolicyClass) -> Iterator[Finding]:
        built = clipping(policy)
        if built is None:
            return
        certain = _certain(built)
        for clamp in certain:
            if owner(clamp.target) is not built.instance:
                continue
            others = [c for c in certain if c.place != clamp.place]
            inner = [c for c in others if _is_by_a_net(c, built, policy) or _covers(clamp, c, built)]
            if any(_differ(c, clamp) for c in inner):
                yield self.finding(
                    clamp.place,
                    "clamps weights that are clamped to another range as well: the narrower wins",
                    policy,
                )
                return


def _is_by_a_net(clamp: Clamp, built: Configured, policy: PolicyClass) -> bool:
    """Whether a clamp reaches a module that the instance holds, or a layer that a net in it clamps itself."""
    held = owner(clamp.target)
    if isinstance(held, Thing):
        return held is not built.instance
    layers = set(filter(is_module, walk(clamp.target)))
    is_own = any(clamp.place.function in cls.facts.functions for cls in policy.cls.linked)
    return not is_own and not layers.isdisjoint(built.held)


def _covers(one: Clamp, other: Clamp, built: Configured) -> bool:
    """Whether a clamp goes over all parameters of the instance, and another over all as well, or over a kind
    of its layers before that: one that narrows a kind afterwards is an exception made on purpose."""
    if owner(other.target) is not built.instance:
        return False
    return _is_over_all(one) and (_is_over_all(other) or other.write.order < one.write.order)


def _is_over_all(clamp: Clamp) -> bool:
    return any(
        isinstance(part, Term) and part.op in ("parameters", "module.parameters")
        for part in walk(clamp.target)
    )


def _certain(built: Configured) -> list[Clamp]:
    """The clamps that no open test decides about, other than one for a kind of layer that was built."""
    kinds = {term.op.removeprefix("new:") for term in built.terms if term.op.startswith("new:")}
    tests = [
        e for e in built.trace.of(Branch) if not isinstance(e.test, Const) and not _asks_for(e.test, kinds)
    ]
    return [
        clamp
        for clamp in clamps(built.trace)
        if clamp is not None and not any(e.order < clamp.write.order < e.end for e in tests)
    ]


def _asks_for(test: Value, kinds: set[str]) -> bool:
    """Whether a test is `isinstance(module, kind)`, of one of these kinds of layers."""
    if isinstance(test, Term) and test.op == "detach":  # under no_grad
        return _asks_for(test.args[0], kinds)
    if not isinstance(test, Term) or test.op != "isinstance" or len(test.args) != 2:
        return False
    asked = (
        o for part in options(test.args[1]) for o in (part.items if isinstance(part, Group) else (part,))
    )
    return any(
        isinstance(o, Ref) and isinstance(o.symbol, External) and o.symbol.name in kinds for o in asked
    )


def _differ(one: Clamp, other: Clamp) -> bool:
    """Whether two clamps have known ranges, and not the same."""
    ranges = [{None if (n := number(b)) is None else abs(n) for b in c.bounds} for c in (one, other)]
    return None not in ranges[0] | ranges[1] and ranges[0] != ranges[1]
