"""Which classes are worth following as policies, by what their source names: nothing is run for that."""

from __future__ import annotations

from collections import Counter

from policyfix.contract import Contract
from policyfix.facts import ir
from policyfix.index import DRAWING
from policyfix.project import Constant, External, Found, LinkedClass
from policyfix.remembered import remembered
from policyfix.values import CORES, TENSORDICTS

_CORE_NAMES = frozenset(core.rpartition(".")[2] for core in CORES)


def can_matter(cls: LinkedClass, contract: Contract) -> bool:
    """Whether a class, or one that it inherits from, names a recurrent core or the observation at all, counts
    actions as the contract does, or draws a table with a padding row, which no net that a config names it for
    would show. Everything else is not worth following."""
    if cls.find(contract.to_index) is not None or is_listed(cls, contract) or cls.inherits(contract.base):
        return True
    return any(
        contract.observation_key in ir.words_in(part) or _names_core(part)
        for base in cls.linked
        for part in (base.facts, base.module.facts.assigned)
    ) or any(_draws_padding_row(f) for base in cls.linked for f in base.facts.functions)


def spells_out(cls: LinkedClass, word: str) -> bool:
    """Whether a class spells a word out, or names a constant that does: `td[OBSERVATION]`, `td[keys.OBS]`."""
    if word in ir.words_in(cls.facts):
        return True
    named = {node for node in ir.nodes(cls.facts) if isinstance(node, (ir.Name, ir.Attribute))}
    constants = (symbol for node in named if isinstance(symbol := cls.module.resolve(node), Constant))
    return any(word in ir.strings_in(constant.value) for constant in constants)


def entry(cls: LinkedClass, contract: Contract) -> Found | None:
    """What runs a module: its forward or, where it has none, the one method that is given a TensorDict and
    that no other method calls, such as that of a component in a graph of them."""
    found = cls.find("forward")
    if found is not None or not cls.is_module:
        return found
    functions = [f for base in cls.linked for f in base.facts.functions if len(f.parameters) > 1]
    given = {f.name for base in cls.linked for f in base.facts.functions if _is_given_one(f, base, contract)}
    while handing := {f.name for f in functions if f.name not in given and _hands_on(f, given)}:
        given |= handing
    called = {name for f in functions for name in ir.names_in(f) - {f.name}}
    entries = [cls.find(name) for name in given - called]
    return entries[0] if len(entries) == 1 else None


def _is_given_one(function: ir.FunctionFacts, cls: LinkedClass, contract: Contract) -> bool:
    """Whether a method's first argument is a TensorDict: it says so, or the observation is read from it."""
    if len(function.parameters) < 2:
        return False
    first = function.parameters[1]
    if first.annotation is not None:
        symbol = cls.module.resolve(first.annotation)
        return isinstance(symbol, External) and symbol.name in TENSORDICTS
    key = ir.Literal(contract.observation_key)
    return any(
        isinstance(node, ir.Subscript)
        and node.value == ir.Name(first.name)
        and cls.module.spelt_out(node.items[0]) == key
        for node in function.nodes
    )


def _hands_on(function: ir.FunctionFacts, methods: set[str]) -> bool:
    """Whether a method gives its first argument to one of some others, as their first."""
    given = ir.Name(function.parameters[1].name)
    return any(
        isinstance(node, ir.Call)
        and isinstance(node.function, ir.Attribute)
        and node.function.name in methods
        and node.function.value == ir.Name(function.parameters[0].name)
        and [argument.value for argument in node.arguments[:1]] == [given]
        for node in function.nodes
    )


def is_listed(cls: LinkedClass, contract: Contract) -> bool:
    """Whether the settings say that a class, or one that it inherits from, serves the trainer."""
    return any(base.is_called(contract.policies) for base in cls.linked)


@remembered
def makes_padding_row(function: ir.FunctionFacts) -> bool:
    """Whether a function names the padding row of an embedding that it makes."""
    return "Embedding" in ir.names_in(function) and any(
        isinstance(node, ir.Argument) and node.keyword == "padding_idx" for node in function.nodes
    )


def draws(operation: str) -> bool:
    """Whether an in-place operation draws a whole weight."""
    return operation in DRAWING


def _draws_padding_row(function: ir.FunctionFacts) -> bool:
    """Language models are full of padding rows: a function that makes one and draws is what it takes here."""
    return makes_padding_row(function) and not DRAWING.isdisjoint(ir.names_in(function))


@remembered
def _names_core(part: object) -> bool:
    """Whether a recurrent core is named, other than to ask what kind of module somebody handed over: bases of
    whole model libraries do that where they initialise weights."""
    if not _CORE_NAMES & ir.words_in(part):
        return False
    if not isinstance(part, ir.ClassFacts):
        return True
    asked = Counter(
        name
        for function in part.functions
        for node in function.nodes
        if isinstance(node, ir.Call) and _asks_of_a_parameter(node, function)
        for name in map(_core_name, ir.nodes(node.arguments[1]))
    )
    return any(
        asked[name] < count for name, count in Counter(map(_core_name, ir.nodes(part))).items() if name
    )


def _asks_of_a_parameter(call: ir.Call, function: ir.FunctionFacts) -> bool:
    """Whether a call is `isinstance(module, ...)`, of a parameter of the function."""
    return (
        call.function == ir.Name("isinstance")
        and len(call.arguments) == 2
        and any(call.arguments[0].value == ir.Name(p.name) for p in function.parameters)
    )


def _core_name(node: object) -> str | None:
    """The recurrent core that a node is the name of."""
    match node:
        case ir.Name(id=name) | ir.Attribute(name=name) | ir.Literal(value=str(name)) if name in _CORE_NAMES:
            return name
        case _:
            return None
