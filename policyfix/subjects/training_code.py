"""The pieces of a file that take part in training, by what their source names: nothing is run for that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from policyfix.contract import Contract
from policyfix.facts import ir
from policyfix.index import UPDATING
from policyfix.project import FunctionRef, LinkedClass, Module
from policyfix.record import record
from policyfix.remembered import remembered


@record()
class Code:
    """A function, the methods of a class that nothing else in it calls, or a module's own statements."""

    name: str
    module: Module
    functions: tuple[tuple[ir.FunctionFacts, LinkedClass | None], ...]
    cls: LinkedClass | None = None
    serves: bool = True  # its file speaks of the contract; where it does not, other files are not read


def codes(module: Module, contract: Contract) -> Iterator[Code]:
    """The pieces of a file that take part in training, as they are run from outside of it: helpers are run as
    parts of their callers. Where the file does not speak of the contract, just what writes to rows."""
    facts, script, known = module.facts, _script(module), functions_of(module)
    speaks = _speaks(module, contract)
    serves = speaks or any(_computes_advantages(f, contract) for f in known)
    for function in facts.functions:
        is_helper = any(uses_in(other)[function.name] for other in known if other is not function)
        if (
            writes_to_rows(function)
            if not serves
            else not is_helper and _takes_part([function], module, contract)
        ):
            yield Code(function.qualname, module, ((function, None),), None, serves)
    for cls in facts.classes:
        linked = module.project.link(cls, module)
        if not serves:
            entries = tuple((f, linked) for f in cls.functions if writes_to_rows(f))
        elif _is_trainer(linked, contract):
            entries = tuple(_entries(linked))
            if not speaks:  # what writes to rows is read by itself there, whoever calls it
                entries += tuple(
                    (f, linked) for f in cls.functions if writes_to_rows(f) and (f, linked) not in entries
                )
        else:
            continue
        if linked.is_module:  # its methods train it, where any of them does
            entries = tuple(e for e in entries if "backward" in ir.names_in(e[0]))
        if entries:
            name = entries[0][0].qualname if linked.is_module else cls.qualname
            yield Code(name, module, entries, linked, serves)
    if script is not None and serves and _takes_part([script], module, contract):
        yield Code(script.qualname, module, ((script, None),), None, serves)


def _speaks(module: Module, contract: Contract) -> bool:
    """Whether a file speaks of the contract, or updates weights and imports from a file that does."""
    project, path, words = module.project, Path(module.path), _evidence(contract)
    return project.mentions(path, words) or (
        project.mentions(path, UPDATING) and any(project.mentions(p, words) for p in module.imported_files())
    )


def _is_trainer(cls: LinkedClass, contract: Contract) -> bool:
    """Whether a class takes part in training, by its own methods or by those of a base that calls them."""
    owners = cls.linked[:1] if cls.is_module else cls.linked
    return any(_takes_part(owner.facts.functions, owner.module, contract) for owner in owners)


def _takes_part(functions: Iterable[ir.FunctionFacts], module: Module, contract: Contract) -> bool:
    """Whether functions of a file can be a trainer's: they step, write to rows, or call one who does, here or
    in another file."""
    local = {f.name: f for f in module.facts.functions}
    spoken = _asked(contract) | _imported_trainers(module, contract)
    return any(
        writes_to_rows(f) or ir.names_in(f) & spoken or _computes_advantages(f, contract)
        for function in functions
        for f in (function, *(local[word] for word in ir.names_in(function) & local.keys()))
    )


@remembered
def _imported_trainers(module: Module, contract: Contract) -> frozenset[str]:
    """The names under which a file has functions and classes that train, of others that speak of the
    contract."""
    project, words, asked = module.project, _evidence(contract), _asked(contract)
    found: set[str] = set()
    for binding in module.facts.imports:
        path = project.imported_file(binding, module)
        if path is None or not project.mentions(path, words) or not project.mentions(path, _RUNNING):
            continue
        match module.project.imported(binding, module):
            case FunctionRef(facts=function):
                functions: tuple[ir.FunctionFacts, ...] = (function,)
            case LinkedClass(is_module=False) as cls:
                functions = tuple(f for owner in cls.linked for f in owner.facts.functions)
            case _:
                continue
        if any(ir.names_in(f) & asked for f in functions):
            found.add(binding.name)
    return frozenset(found)


def _computes_advantages(function: ir.FunctionFacts, contract: Contract) -> bool:
    return ir.strings_in(function).issuperset(contract.advantage_keys)


def functions_of(module: Module) -> list[ir.FunctionFacts]:
    """The functions and methods of a file, and what it runs on import."""
    facts, script = module.facts, _script(module)
    methods = [f for c in facts.classes for f in c.functions]
    return [*facts.functions, *methods, *([] if script is None else [script])]


@remembered
def _script(module: Module) -> ir.FunctionFacts | None:
    """The module's own statements, as a function without parameters."""
    body = module.facts.script
    if not body:
        return None
    first = getattr(body[0], "span", ir.NOWHERE)
    return ir.FunctionFacts("<module>", "<module>", (), (), body, first)


@remembered
def uses_in(function: ir.FunctionFacts) -> Counter[str]:
    """How often a function speaks of each name."""
    return Counter(node.id for node in function.nodes if isinstance(node, ir.Name))


def _entries(cls: LinkedClass) -> Iterator[tuple[ir.FunctionFacts, LinkedClass]]:
    """The methods of a class, inherited ones included, that no other of its methods calls."""
    methods: dict[str, tuple[ir.FunctionFacts, LinkedClass]] = {}
    functions = [f for owner in cls.linked for f in owner.facts.functions]
    for owner in cls.linked:
        for function in owner.facts.functions:
            methods.setdefault(function.name, (function, owner))
    for name, found in methods.items():
        if name != "__init__" and not any(name in ir.names_in(f) for f in functions if f.name != name):
            yield found


def contract_words(contract: Contract) -> frozenset[str]:
    """Names by which code around a policy shows that it serves the contract."""
    return frozenset(
        {
            *contract.memory_methods,
            *contract.boundary_keys,
            contract.clip_method,
            contract.environment_key,
            contract.observation_key,
        }
    )


def _evidence(contract: Contract) -> frozenset[str]:
    """The words of which one is enough for a file to serve the contract."""
    return contract_words(contract) - set(contract.boundary_keys)


def _asked(contract: Contract) -> frozenset[str]:
    """What is asked of a policy, a loss or an optimizer in training."""
    return frozenset({"step", "backward"}) | contract.method_names


# What a file does in which somebody runs a policy, or updates its weights.
_RUNNING = UPDATING | {".step(", "reset_memory("}
_WRITING = frozenset("update set copy fill zero add mul clamp".split())


@remembered
def writes_to_rows(function: ir.FunctionFacts) -> bool:
    """Whether a function calls a method on what an index gives that may write into it."""
    return any(
        isinstance(node, ir.Call)
        and isinstance(node.function, ir.Attribute)
        and isinstance(node.function.value, ir.Subscript)
        and node.function.name.rstrip("_") in _WRITING
        for node in function.nodes
    ) or any(
        isinstance(node, ir.Assign)
        and any(isinstance(t, ir.Subscript) and isinstance(t.value, ir.Subscript) for t in node.targets)
        for node in function.nodes
    )


@remembered
def is_generator(function: ir.FunctionFacts) -> bool:
    return any(isinstance(node, ir.Yield) for node in function.nodes)


def speaks_of_stamps(function: ir.FunctionFacts, contract: Contract) -> bool:
    """Whether a function speaks of all of the stamps, as one does that writes them."""
    return bool(contract.stamps) and ir.strings_in(function).issuperset(contract.stamps)
