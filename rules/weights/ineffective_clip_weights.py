from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import Factory, PolicyClass
from policyfix.subjects.execution import Configured
from policyfix.subjects.options import is_kept_from_base
from policyfix.subjects.weights import clamps, clipping, follows_config, is_fixed, is_followed
from policyfix.subjects.wrapper import wrappers
from policyfix.trace import Called, Escape, Place
from policyfix.values import Const, Term, Value


class IneffectiveClipWeights(Rule[PolicyClass | Factory]):
    """A policy's `clip_weights` cannot do what its config says.

    ## What it does
    Reports a contract policy whose `clip_weights` does nothing whatever `clip_range` the config gives (an
    empty body, a clamped copy that is dropped, a range that the constructor never sets), and one that clamps
    to a range of its own. It stays silent where a method or another file may set the range later, and where
    the constructor does not hand the range to a base that would keep it. Of a module around a factory it
    reports the range of its own that it clamps a policy to which the factory builds without `clip_weights`.

    ## Why it matters
    The trainer calls the method after every optimizer step and trusts it. The config says that the weights
    are bounded, the log repeats it, and they grow as they like, or are cut off at a bound that nobody chose.

    ## Example
    ```python
    def clip_weights(self):
        pass
    ```

    ## Use instead
    ```python
    from policyfix.runtime import clip_weights


    def clip_weights(self):
        clip_weights(self, self.clip_range)
    ```

    ## Fix safety
    Safe: a `clip_range` of 0, the default, switches it off.

    ## Source
    Metta-AI/metta at 593aef6695: `Fast` has an empty `clip_weights`, the others clamp two heads to ±1; at
    cef2d0434a: `MettaAgent` clamps all weights of such policies to ±1 (divergence B08).
    """

    code = "PF302"
    name = "ineffective-clip-weights"

    def check(self, subject: PolicyClass | Factory) -> Iterator[Finding]:
        if isinstance(subject, Factory):
            yield from self._check_wrapper(subject)
        elif subject.is_contract:
            yield from self._check_policy(subject)

    def _check_wrapper(self, factory: Factory) -> Iterator[Finding]:
        method, option = factory.contract.clip_method, factory.contract.clip_range
        for around in wrappers(factory):
            clamp = next(around.clamps(delegates=False), None)
            bare = [p for p in factory.policies if p.is_contract and p.defines(method) is False]
            if clamp is not None and bare:
                names = ", ".join(sorted(policy.name for policy in bare))
                yield self.finding(
                    clamp.place,
                    f"clamps policies without {method} ({names}) to a range of its own: the config's "
                    f"{option} has no effect",
                    factory,
                )

    def _check_policy(self, policy: PolicyClass) -> Iterator[Finding]:
        found, built = policy.cls.find(policy.contract.clip_method), clipping(policy)
        if found is None or built is None or self._defect(policy, built) is None:
            return
        # Once more with everything left open that somebody may set before the trainer clips.
        built = clipping(policy, policy.resettable)
        defect = None if built is None else self._defect(policy, built)
        if defect is not None and not self._is_the_constructors(defect, policy):
            message, place = defect
            if place is None or "." not in place.symbol:  # a function clamps to what it is called with
                place = policy.place(*found)
            yield self.finding(place, message, policy)

    def _is_the_constructors(self, defect: tuple[str, Place | None], policy: PolicyClass) -> bool:
        """Whether the method only wants the range, which a base would keep that the constructor does not hand
        it to."""
        option = policy.contract.clip_range
        if defect[1] is not None or not is_kept_from_base(policy, option):
            return False
        built = clipping(policy, policy.resettable | {option})
        return built is not None and self._defect(policy, built) is None

    @staticmethod
    def _defect(policy: PolicyClass, built: Configured) -> tuple[str, Place | None] | None:
        """What is wrong, and where if not with the whole method."""
        method, option = policy.contract.clip_method, policy.contract.clip_range
        trace, instance = built.trace, built.instance
        if any(e.value is instance for e in built.construction.of(Escape)):
            return None  # somebody else may set the range
        if not is_followed(trace) or any(_writes(call) for call in trace.of(Called)):
            return None
        if any(call.name == f".{method}" for call in trace.of(Called)):
            return None  # left to components that are not known
        done = list(clamps(trace))
        if not done:
            return f"{method} changes no weight, whatever {option} the config gives", None

        def absent(value: Value) -> bool:
            """An attribute that nobody ever sets: `getattr` gives its default."""
            match value:
                case Term(op="attribute", args=(owner, Const(value=str(name)))) if owner is instance:
                    return policy.defines(name) is False and not policy.sets_later(name)
                case _:
                    return False

        for clamp in done:
            if clamp is None or not all(is_fixed(bound, absent) for bound in clamp.bounds):
                return None
            if follows_config(clamp):
                return None
        assert done[0] is not None
        return f"{method} clamps to a range of its own: the config's {option} has no effect", done[0].place


def _writes(call: Called) -> bool:
    """Whether a library's function may write to weights that it is given: not only to their gradients."""
    package, _, name = call.name.rpartition(".")
    return package.startswith("torch.nn.utils") and not name.startswith("clip_grad_")
