from __future__ import annotations

from collections.abc import Iterator
from math import prod

from policyfix.facts import ir
from policyfix.rule import Finding, Rule, Severity
from policyfix.subjects import PolicyClass
from policyfix.subjects.boxes import ROOM, BoxWrite, box_writes, quantities, sizes
from policyfix.trace import InPlace, Place
from policyfix.values import (
    VIEWS,
    Const,
    Either,
    Group,
    Term,
    Value,
    comes_from,
    key_of,
    options,
    positional,
    walk,
)


class HardCodedEnvironment(Rule[PolicyClass]):
    """Sizes or normalisations of observations are numbers in the source, though the environment says them.

    ## What it does
    Reports, in a contract policy whose constructor is given the environment, three things that are made of
    numbers in the source: the features, rows and columns of the box that observation tokens are written
    into, where a byte can say more than fits in; the table that the box or the tokens are divided by; and
    the number of tokens that a mask over them is made for. A number that a parameter defaults to is left
    alone, and so is a fallback for environments that do not say.

    ## Why it matters
    With another environment the policy still runs. Features beyond the box are dropped, the others are
    scaled by what was true of some other environment, and no exception says so.

    ## Example
    ```python
    box = torch.zeros(rows, 22, 11, 11)
    box[row, attributes, x, y] = values
    ```

    ## Use instead
    ```python
    features = max(env.feature_normalizations) + 1
    box = torch.zeros(rows, features, env.obs_width, env.obs_height)
    box[row, attributes, x, y] = values
    ```

    ## Fix safety
    None: the layers behind the box are as wide as it is, so other sizes give other weights.

    ## Source
    Metta-AI/metta at cef2d0434a, `Fast`: 22 features where the environment has 24; `ObsTokenPadStrip`: 200
    tokens (divergences B11 and A13).
    """

    code = "PF405"
    name = "hard-coded-environment"
    severity = Severity.WARNING

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        told = dict(policy.contract.environment)
        given = _environment(policy, told.get("parameter"))
        if given is None or not policy.is_contract:
            return
        said: set[Place] = set()
        for place, numbers, names in _numbers(policy):
            if place not in said and set(names) <= told.keys():
                said.add(place)
                where = ", ".join(f"{given}.{told[name]}" for name in names)
                yield self.finding(
                    place, f"{numbers} by the source, whatever the environment says: {where}", policy
                )


def _environment(policy: PolicyClass, name: str | None) -> str | None:
    """What the constructor calls the environment, its first parameter."""
    if name is None or policy.constructor is None:
        return None
    given = policy.constructor[0].parameters[1:2]
    is_named = any(p.default is None and (p.name == name or p.name.startswith(f"{name}_")) for p in given)
    return given[0].name if is_named else None


def _numbers(policy: PolicyClass) -> Iterator[tuple[Place, str, list[str]]]:
    """(place, what is said by numbers, what the environment calls it)."""
    defaults = _defaults(policy)
    boxes: list[Value] = []
    for write in box_writes(policy):
        if quantities(write.index, policy.contract.observation_key):
            boxes.append(write.box)
            found = _sized(write, policy, defaults)
            if found is not None:
                yield write.place, *found
    for term in policy.forward_terms:
        if term.op in _DIVIDING and len(term.args) > 1 and _is_table(term.args[1]):
            source = list(walk(term.args[0]))
            divided = comes_from(term.args[0], policy.contract.observation_key) or any(
                box in source for box in boxes
            )
            if divided and (place := policy.made(term)) is not None:
                yield place, "the normalisations are given", ["features"]
        positions = _masked_tokens(term, policy.contract.observation_key)
        if positions is not None and (place := policy.made(positions)) is not None:
            count = positions.args[0]
            if isinstance(count, Const) and type(count.value) is int and count.value not in defaults:
                yield place, f"the mask is made for {count.value} tokens", ["tokens"]
    for filled in (event for trace in policy.traces for event in trace.of(InPlace)):
        extent = sizes(filled.target)
        if extent is None or len(extent) < 2 or not _is_test(filled.mask, policy.contract.observation_key):
            continue
        if extent[1] is not None and extent[1] not in defaults:
            yield filled.place, f"the mask is made for {extent[1]} tokens", ["tokens"]


_DIVIDING = frozenset("/ div torch.div true_divide torch.true_divide".split())
_SAYING = {"attributes": "features", "rows": "width", "columns": "height"}


def _sized(write: BoxWrite, policy: PolicyClass, defaults: set[int]) -> tuple[str, list[str]] | None:
    """What of a box is sized by numbers in the source, and has less room than tokens may ask for."""
    key = policy.contract.observation_key
    extent = sizes(write.box)
    if extent is None:
        return None
    if not isinstance(write.index, Group):
        parts = [name for name in _SAYING if name in quantities(write.index, key)]
        inner = [size for size in extent[1:] if size is not None]
        if not parts or len(inner) != len(extent) - 1 or not inner or defaults & set(inner):
            return None
        if prod(inner) >= prod(ROOM[name] for name in parts):
            return None
        return f"the box of tokens has {prod(inner)} cells", [_SAYING[name] for name in parts]
    if any(item == Const(None) or item == Const(...) for item in write.index.items):
        return None
    fixed: dict[str, int] = {}
    for item, size in zip(write.index.items, extent, strict=False):
        for name in quantities(item, key) & _SAYING.keys():
            if size is not None and size not in defaults and size < ROOM[name]:
                fixed[name] = size
    if not fixed:
        return None
    said = " and ".join(f"{fixed[name]} {name}" for name in _SAYING if name in fixed)
    return f"the box of tokens has {said}", [_SAYING[name] for name in _SAYING if name in fixed]


def _defaults(policy: PolicyClass) -> set[int]:
    """Numbers that a parameter of a constructor defaults to: who calls it may say another."""
    held = [thing.cls for thing in policy.holders.values() if thing.cls is not None]
    found: set[int] = set()
    for cls in {c for top in held for c in top.linked}:
        constructor = cls.facts.function("__init__")
        for parameter in () if constructor is None else constructor.parameters:
            for node in ir.nodes(cls.module.spelt_out(parameter.default)):
                if isinstance(node, ir.Literal) and type(node.value) is int:
                    found.add(node.value)
    return found


_KEEPING_NUMBERS = VIEWS | frozenset("index float to clone torch.maximum clamp + torch.clamp".split())


def _is_table(value: Value) -> bool:
    """Whether a tensor is a list of numbers in the source, not all the same."""
    found = [o for o in options(value) if o != Const(None)]
    if len(found) != 1:
        return False
    table = found[0]
    while isinstance(table, Term) and table.args and table.op in _KEEPING_NUMBERS:
        table = table.args[0]
    match table:
        case Term(op="torch.tensor" | "torch.FloatTensor", args=(Group(items=items), *_)):
            numbers = {i.value for i in items if isinstance(i, Const) and isinstance(i.value, (int, float))}
            return all(isinstance(item, Const) for item in items) and len(numbers) > 1
        case _:
            return False


def _masked_tokens(term: Term, key: str) -> Term | None:
    """The `torch.arange(n)` of `tokens[:, torch.arange(n) < end]`, which raises for all but n tokens."""
    match term:
        case Term(op="index", args=(tokens, Group(items=(Term(op="slice"), Term() as mask)))):
            if not mask.op.startswith("compare") or not _is_observation(tokens, key):
                return None
            given = [side for side in mask.args if isinstance(side, Term) and side.op == "torch.arange"]
            return given[0] if len(given) == 1 and len(positional(given[0].args)) == 1 else None
        case _:
            return None


_KEEPING_TOKENS = frozenset(
    "clone einops.rearrange float long to flatten reshape view unbind compare== compare!=".split()
)


def _is_test(mask: Value | None, key: str) -> bool:
    """Whether a mask says something of each token: `tokens[..., 0] != 255`."""
    while isinstance(mask, Term) and mask.op in ("~", "logical_not", "torch.logical_not"):
        mask = mask.args[0]
    return isinstance(mask, Term) and mask.op.startswith("compare") and _is_observation(mask, key)


def _is_observation(value: Value, key: str) -> bool:
    """Whether a value is the observation, one byte of each token, or what that byte is compared with."""
    if isinstance(value, Either):
        return all(_is_observation(choice, key) for choice in value.options)
    if not isinstance(value, Term) or key_of(value) is not None:
        return key_of(value) == key
    match value:
        case Term(op="index", args=(tokens, Group(items=(Const(value=first), *_)))):
            return first is ... and _is_observation(tokens, key)
        case Term(op="index", args=(Term(op="each", args=(pieces,)), Const(value=int()))):
            return _is_observation(pieces, key)
        case _:
            return value.op in _KEEPING_TOKENS and _is_observation(value.args[0], key)
