from __future__ import annotations

from collections.abc import Iterator

from policyfix.facts import ir
from policyfix.flow.decorators import PLAIN_DECORATORS
from policyfix.project import External, LinkedClass, Module
from policyfix.rule import Finding, Rule, Severity
from policyfix.subjects import PolicyClass
from policyfix.subjects.memory import kept_attributes, keys_in, lookups
from policyfix.trace import Called, Place
from policyfix.values import Term, walk

# Calls that fetch a tensor's number into Python: the compiled graph ends there.
_FETCHES = frozenset({".item", ".tolist"})
_DISABLING = frozenset({"torch._dynamo.disable", "torch.compiler.disable"})


class DynamoBoundary(Rule[PolicyClass]):
    """A forward that keeps its state by a Python number is compiled in pieces.

    ## What it does
    Reports a contract policy that keeps recurrent states and whose forward fetches a number out of the
    TensorDict (`.item()`, `.tolist()`, an `int(...)` that finds a slot), while neither forward nor one of its
    helpers is excluded from Dynamo. It stands at forward; where forward is inherited and only a method of the
    subclass fetches, at that method.

    ## Why it matters
    With `torch.compile` the graph breaks at every such call, and what stands around it is compiled again for
    each new number until the limit of recompilations is met. The run is slower than without the compiler, and
    says so in a warning at best.

    ## Example
    ```python
    def forward(self, td, state=None, action=None):
        group = td["training_env_id_start"][0].item()
        h, c = self._states[group]
    ```

    ## Use instead
    ```python
    @torch._dynamo.disable
    def forward(self, td, state=None, action=None):
        group = td["training_env_id_start"][0].item()
        h, c = self._states[group]
    ```
    or the runtime's `StateStore`, which finds the slot on the device and is captured whole.

    ## Fix safety
    Safe: what forward computes does not change.

    ## Source
    PyTorch documentation, "Graph breaks". Metta-AI/metta excludes its stateful forwards with
    `torch._dynamo.disable`.
    """

    code = "PF207"
    name = "dynamo-boundary"
    severity = Severity.WARNING

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.is_contract or policy.keeps_contract or policy.is_open or policy.forward is None:
            return
        if not kept_attributes(policy) or _is_excluded(policy):
            return
        fetched = [(key, place) for key, place in _fetched(policy) if key != "*"]
        if fetched:
            key = min(key for key, _ in fetched)
            yield self.finding(
                _stateful_code(policy, [place for _, place in fetched]),
                f"a number out of td[{key!r}] breaks the graph of a forward that keeps states: "
                "exclude it from Dynamo",
                policy,
            )


def _fetched(policy: PolicyClass) -> Iterator[tuple[str, Place]]:
    """Keys of the TensorDict whose numbers Python gets to see in a rollout, and where."""
    for call in policy.rollout.of(Called):
        if call.name in _FETCHES and call.arguments:
            yield from ((key, call.place) for key in keys_in(call.arguments[0]))
    for lookup in lookups(policy):
        for part in walk(lookup.index):
            if isinstance(part, Term) and part.op == "int":
                yield from ((key, lookup.place) for key in keys_in(part))


def _stateful_code(policy: PolicyClass, fetches: list[Place]) -> Place:
    """Forward; where it is inherited and does not fetch by itself, the method of the subclass that does."""
    assert policy.forward is not None
    forward, owner = policy.forward
    own = [
        (function, cls)
        for cls in policy.cls.linked
        if cls not in owner.linked
        for function in cls.facts.functions
    ]
    fetching = [next((o for o in own if o[0] is place.function), None) for place in fetches]
    return policy.place(*(fetching[0] if fetching[0] and all(fetching) else (forward, owner)))


def _is_excluded(policy: PolicyClass) -> bool:
    """Whether forward, or something that it may call, is kept from the compiler: by a decorator, or where the
    constructor wraps forward."""
    if any(store.attribute == "forward" for store in policy.construction):
        return True
    classes = [policy.cls, *(thing.cls for thing in policy.holders.values() if thing.cls is not None)]
    return any(
        _disables(decorator, base.module)
        for cls in classes
        for base in cls.linked
        for function in base.facts.functions
        if _may_be_called(function, base, cls, policy)
        for decorator in function.decorators
    )


def _may_be_called(
    function: ir.FunctionFacts, base: LinkedClass, cls: LinkedClass, policy: PolicyClass
) -> bool:
    """Whether a method is what instances have under its name, or what a method that replaces it calls."""
    found = cls.find(function.name)
    return found is None or found[1] is base or policy.runs(base.module.path, function.qualname)


def _disables(decorator: ir.Expr, module: Module) -> bool:
    """Whether a decorator excludes a function from Dynamo; one that is not known may."""
    call = decorator if isinstance(decorator, ir.Call) else None
    symbol = module.resolve(decorator if call is None else call.function)
    if not isinstance(symbol, External):
        return not (isinstance(decorator, ir.Attribute) and decorator.name in ("setter", "getter"))
    if symbol.name == "torch.compile":
        options = {} if call is None else {a.keyword: a.value for a in call.arguments}
        return options.get("disable", ir.Literal(False)) != ir.Literal(False)
    return symbol.name in _DISABLING or symbol.name not in PLAIN_DECORATORS
