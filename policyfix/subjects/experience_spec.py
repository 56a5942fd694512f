"""Which entries of the TensorDict an experience spec names, and whether the buffer gets others beside it."""

from __future__ import annotations

from pathlib import Path

from policyfix.contract import Contract
from policyfix.facts import ir
from policyfix.flow.run import Run
from policyfix.project import External, FunctionRef, LinkedClass, Module, Symbol
from policyfix.subjects.training_code import functions_of
from policyfix.trace import Place
from policyfix.values import NONE, Thing, Value, options

_SPECS = frozenset(
    External(f"{module}.{name}")
    for module in ("torchrl.data", "torchrl.data.tensor_specs")
    for name in ("Composite", "CompositeSpec")
)
_OPTIONS = frozenset({"shape", "device", "data_cls", "step_mdp_static", "batch_size"})


# Methods of a spec that give one with the same entries.
KEEPING = frozenset("expand to clone unsqueeze cpu cuda".split())


def named(cls: LinkedClass, method: str) -> frozenset[str] | None:
    """The entries that a spec names; None where they are not all seen."""
    found = cls.find(method)
    if found is None or found[0].decorators or cls.unknown or cls.is_rebuilt:
        return None
    function, owner = found
    match function.body:
        case (ir.Return(value=spec),) if (spelt := _entries(spec, function, owner.module)) is not None:
            return spelt
    run = _Specs()
    instance = run.build(cls, {}, open_ended=True)
    if not run.trace.complete:  # it leaves to subclasses what its constructor calls
        run, instance = _Specs(), Thing("instance", cls)
    return run.names(function, owner.module, owner, instance)


class _Specs(Run):
    """A run to which a spec is a dict of what it names."""

    def names(
        self,
        function: ir.FunctionFacts,
        module: Module,
        owner: LinkedClass | None = None,
        instance: Thing | None = None,
    ) -> frozenset[str] | None:
        """The entries of the spec that a function gives, whoever made it and added to it; None where they are
        not all seen."""
        specs = list(
            options(
                self._guarded(
                    lambda: self._call_function(function, module, owner, instance, [], {}, open_ended=True)
                )
            )
        )
        held = [self._state.heap.of(s).keys() for s in specs if isinstance(s, Thing) and s.kind == "dict"]
        if not self.trace.complete or len(held) < len(specs) or any({"*", "**"} & keys for keys in held):
            return None
        return frozenset(name for keys in held for name in keys)

    def _call_external(
        self, name: str, positional: list[Value], keywords: dict[str, Value], span: ir.Span
    ) -> Value:
        if External(name) in _SPECS:
            entries = {key: value for key, value in keywords.items() if key not in _OPTIONS}
            return super()._call_external("dict", positional, entries, span)
        return super()._call_external(name, positional, keywords, span)

    def _call_container(
        self, thing: Thing, name: str, positional: list[Value], keywords: dict[str, Value], span: ir.Span
    ) -> Value:
        if name == "set" and len(positional) == 2:
            self._set_item(thing, positional[0], positional[1], span)
            return NONE
        if name in KEEPING:
            return super()._call_container(thing, "copy", [], {}, span)
        return super()._call_container(thing, name, positional, keywords, span)


def laid_out(spec: Place | None, module: Module, contract: Contract) -> frozenset[str] | None:
    """All that the spec which is made at a place can name, or one that somebody gives to code of the module;
    None where that is not written in the project."""
    project = module.project
    if spec is None:
        return _handed_over(module, contract)
    found = project.module(Path(spec.path))
    if found is None:
        return None
    module = found
    for function in functions_of(module):
        for node in function.nodes:
            if isinstance(node, ir.Call) and node.span == spec.span:
                symbol = module.resolve(node.function)
                if isinstance(node.function, ir.Attribute) and node.function.name == contract.spec_method:
                    return asked_for(contract.spec_method, module)
                if isinstance(symbol, FunctionRef) and not symbol.facts.decorators:
                    return _returned(symbol.facts, symbol.module)
                return _entries(node, function, module, contract)
    return None


def _returned(function: ir.FunctionFacts, module: Module) -> frozenset[str] | None:
    """The entries of the spec that a function returns."""
    return _Specs().names(function, module)


def _entries(
    spec: ir.Expr, function: ir.FunctionFacts, module: Module, contract: Contract | None = None
) -> frozenset[str] | None:
    """The keys of `Composite(key=...)` and `Composite({"key": ...})`; with a contract, also those that are
    taken over from other specs."""
    if not isinstance(spec, ir.Call) or _meant(spec.function, function, module) not in _SPECS:
        return None
    names: set[str] = set()
    for argument in spec.arguments:
        if argument.keyword is not None:
            names |= {argument.keyword} - _OPTIONS
            continue
        if argument.star == "*":
            return None
        inner = _keys(argument.value, function, module, contract)
        if inner is None:
            return None
        names |= inner
    return frozenset(names)


def _keys(
    mapping: ir.Expr, function: ir.FunctionFacts, module: Module, contract: Contract | None
) -> frozenset[str] | None:
    """The keys of a dict: one that is spelled out, has one value for each of the names in a constant, or
    takes over those of another spec."""
    match mapping:
        case ir.Mapping(keys=keys, values=values):
            names: set[str] = set()
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ir.Literal) and isinstance(key.value, str):
                    names.add(key.value)
                    continue
                inner = None if key is not None else _keys(value, function, module, contract)
                if inner is None:
                    return None
                names |= inner
            return frozenset(names)
        case ir.Comprehension(
            kind="DictComp",
            element=ir.Sequence(items=(ir.Name() as key, _)),
            generators=((target, ir.Name() as constant, ()),),
        ) if key == target:
            assigned = _assigned(constant, function) or module.assigned(constant.id)
            items = assigned[0].items if assigned and isinstance(assigned[0], ir.Sequence) else ()
            given = [item.value for item in items if isinstance(item, ir.Literal)]
            return frozenset(map(str, given)) if given and len(given) == len(items) else None
        case ir.Comprehension(
            kind="DictComp",
            element=ir.Sequence(items=(ir.Name() as key, _)),
            generators=((target, ir.Call(function=ir.Attribute(value=other, name="keys" | "items")), ()),),
        ) if contract is not None and key in ir.nodes(target):
            return _taken_over(other, function, module, contract)
        case _:
            return None if contract is None else _taken_over(mapping, function, module, contract)


def _meant(name: ir.Expr, function: ir.FunctionFacts, module: Module) -> Symbol:
    """What a name means in a function, which may import it itself."""
    imported = (b for node in function.nodes if isinstance(node, ir.Import) for b in node.names)
    binding = next((b for b in imported if name == ir.Name(b.name)), None)
    return module.resolve(name) if binding is None else module.project.imported(binding, module)


def _taken_over(
    spread: ir.Expr, function: ir.FunctionFacts, module: Module, contract: Contract
) -> frozenset[str] | None:
    """The keys of another spec that goes into one: `**dict(other.items())`, `**other`."""
    match spread:
        case (
            ir.Call(function=ir.Name(id="dict"), arguments=(ir.Argument(value=other, star=""),))
            | ir.Call(function=ir.Attribute(value=other, name="items"), arguments=())
        ):
            return _taken_over(other, function, module, contract)
        case ir.Name(id=name) if any(parameter.name == name for parameter in function.parameters):
            return _handed_over(module, contract) if _makings(spread, function) == [] else None
        case ir.Name():
            made = _makings(spread, function)
        case _:
            made = [spread]
    names: set[str] = set()
    for value in made or ():
        match value:
            case ir.Call(function=ir.Name() as callee):
                symbol = module.resolve(callee)
                inner = _returned(symbol.facts, symbol.module) if isinstance(symbol, FunctionRef) else None
            case ir.Call(function=ir.Attribute(name=method)) if method == contract.spec_method:
                inner = asked_for(method, module)
            case _:
                inner = None
        if inner is None:
            return None
        names |= inner
    return frozenset(names) if made else None


def _makings(spec: ir.Name, function: ir.FunctionFacts) -> list[ir.Expr] | None:
    """What a function makes a spec of; None where it does more with it than to look what it names."""
    made = _assigned(spec, function)
    changed = [
        t
        for n in function.nodes
        if isinstance(n, (ir.Assign, ir.Delete))
        for t in n.targets
        if isinstance(t, ir.Subscript) and t.value == spec
    ]
    read = [
        n
        for n in function.nodes
        if (
            isinstance(n, ir.Attribute)
            and n.value == spec
            and n.name in {"items", "keys", "values"} | KEEPING
        )
        or (isinstance(n, ir.Argument) and n.value == spec and n.star == "**")
        or (isinstance(n, ir.Subscript) and n.value == spec and not changed)
    ]
    return made if len(made) + len(read) == sum(node == spec for node in function.nodes) else None


def _assigned(name: ir.Name, function: ir.FunctionFacts) -> list[ir.Expr]:
    return [n.value for n in function.nodes if isinstance(n, ir.Assign) and n.targets == (name,)]


def _handed_over(module: Module, contract: Contract) -> frozenset[str] | None:
    """What a spec can name that comes from elsewhere: what policies ask for, and all that is spoken of where
    the project makes a spec."""
    asked = asked_for(contract.spec_method, module) if contract.spec_method is not None else None
    if asked is None:
        return None
    names = set(asked)
    for path in module.project.texts.files_with("Composite"):
        found = module.project.module(path)
        if found is None:
            return None
        for function in functions_of(found):
            calls = [n for n in function.nodes if isinstance(n, ir.Call)]
            if any(_meant(call.function, function, found) in _SPECS for call in calls):
                names |= ir.strings_in(function)
                names |= {a.keyword for call in calls for a in call.arguments if a.keyword is not None}
    return frozenset(names)


def asked_for(method: str, module: Module) -> frozenset[str] | None:
    """What the specs of all policies of the project name together."""
    project = module.project
    names: frozenset[str] | None = None
    for path in project.texts.files_with(f"def {method}("):
        found = project.module(path)
        if found is None:
            return None
        for cls in found.facts.classes:
            if any(function.name == method for function in cls.functions):
                inner = named(project.link(cls, found), method)
                if inner is None:
                    return None
                names = inner | (names or frozenset())
    return names


def is_set_elsewhere(key: str, here: Place, module: Module) -> bool:
    """Whether the project sets or deletes an entry of this name elsewhere: the buffer may get it there,
    beside its spec. What a module writes, it writes into the TensorDict that it is given."""
    project = module.project
    for path in (p for quote in "\"'" for p in project.texts.files_with(f"{quote}{key}{quote}")):
        found = project.module(path)
        if found is None:
            return True
        is_file_of_it = path == Path(here.path).absolute()
        of_modules = {
            f for c in found.facts.classes if found.project.link(c, found).is_module for f in c.functions
        }
        for function in functions_of(found):
            if function in of_modules:
                continue
            for node in function.nodes:
                line = getattr(node, "span", here.span).line
                if not (is_file_of_it and line == here.span.line) and _sets(node, key, function):
                    return True
    return False


def _sets(node: object, key: str, function: ir.FunctionFacts) -> bool:
    """Whether a statement or a call sets, or deletes, an entry of this name in something that is no dict."""
    match node:
        case ir.Assign(targets=targets) | ir.Delete(targets=targets):
            owners = [t.value for t in targets if isinstance(t, ir.Subscript) and ir.Literal(key) in t.items]
        case ir.Call(
            function=ir.Attribute(value=owner, name="set" | "setdefault" | "pop" | "del_"),
            arguments=(ir.Argument(value=ir.Literal(value=name)), *_),
        ) if name == key:
            owners = [owner]
        case _:
            return False
    dicts = [
        target
        for n in function.nodes
        if isinstance(n, ir.Assign) and isinstance(n.value, ir.Mapping)
        for target in n.targets
    ]
    return any(owner not in dicts for owner in owners)
