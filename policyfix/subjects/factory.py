"""A `Factory` is a function that builds policies from a config: which classes, and what it hands them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from policyfix.contract import Contract
from policyfix.facts import ir
from policyfix.project import External, LinkedClass, Module
from policyfix.record import record
from policyfix.subjects.candidates import is_listed
from policyfix.subjects.policy import PolicyClass, policy_of
from policyfix.trace import Place


@record()
class Build:
    """A call that builds one of the classes, and the config that it goes by: a name, `self.cfg`."""

    call: ir.Call
    classes: tuple[LinkedClass, ...]
    config: ir.Expr
    whole: ir.Expr  # what the config is a part of, `cfg` for a local name of `cfg.agent`; else the config


@dataclass(eq=False)
class Factory:
    """A function that builds contract policies from a config."""

    who: ClassVar[str] = "functions that build policies from a config"

    function: ir.FunctionFacts
    module: Module
    contract: Contract
    builds: tuple[Build, ...]

    @property
    def name(self) -> str:
        return f"{self.function.qualname}()"

    @property
    def path(self) -> str:
        return self.module.path

    @property
    def header(self) -> Place:
        return Place(self.path, self.function.qualname, self.function.span)

    @property
    def inherits_from(self) -> tuple[tuple[str, str], ...]:
        return ()

    def place(self, build: Build) -> Place:
        return Place(self.path, self.function.qualname, build.call.span, self.function)

    def build_at(self, line: int, column: int) -> Build | None:
        """The build that starts at a place."""
        spans = ((b, b.call.span) for b in self.builds)
        return next((b for b, span in spans if (span.line, span.column) == (line, column)), None)

    def spelling(self, build: Build) -> str:
        """The config of a build as it is written: `cfg`, `self.cfg`."""
        config = build.config
        if isinstance(config, ir.Attribute):
            return f"self.{config.name}"
        assert isinstance(config, ir.Name)
        return config.id

    def drops(self, build: Build) -> tuple[str, ...]:
        """The contract's parameters that a build does not pass, where neither it nor one that it is the
        fallback of may pass them in another way: with the config as a whole, or in keywords that are not all
        known."""
        if any(self._may_pass_all(b) for b in self.builds if b.call.function == build.call.function):
            return ()
        if self._says_nothing_of_them(build) or self._stands_in(build):
            return ()
        given = self._by_position(build) | self._set_later
        for argument in build.call.arguments:
            if argument.star:
                given |= self._keys(argument.value) or set()
            elif argument.keyword is not None:
                given.add(argument.keyword)
        names = self.contract.parameter_names
        missing = tuple(name for name in names if name not in given)
        if len(missing) == len(names):
            return missing
        return tuple(n for n in missing if all(self._takes(c, n) is True for c in build.classes))

    def _stands_in(self, build: Build) -> bool:
        """Whether a build is what is done where one that drops nothing raises."""
        tries = [node for node in self.function.nodes if isinstance(node, ir.Try)]
        return any(
            not self.drops(tried)
            for node in tries
            if build.call in ir.nodes(node.handlers)
            for tried in self.builds
            if tried.call in ir.nodes(node.body)
        )

    @cached_property
    def policies(self) -> tuple[PolicyClass, ...]:
        """The classes that may be built."""
        built = dict.fromkeys(cls for build in self.builds for cls in build.classes)
        return tuple(policy_of(cls, self.contract) for cls in built)

    def builds_policies(self, build: Build) -> bool:
        """Whether every class that may be built serves the contract's trainer. A component of a policy may
        read the observation too, but its outputs are not what the trainer reads."""
        return all(policy.is_contract for policy in self.policies if policy.cls in build.classes)

    def _takes(self, cls: LinkedClass, name: str) -> bool | None:
        return policy_of(cls, self.contract).takes(name)

    def takes_all(self, build: Build, names: tuple[str, ...]) -> bool:
        """Whether every class that may be built takes these keywords."""
        return all(self._takes(cls, name) is True for cls in build.classes for name in names)

    def _by_position(self, build: Build) -> set[str]:
        """Parameters that some class takes from the positional arguments; all, where that is not seen. The
        environment is none of them."""
        count = sum(a.keyword is None and not a.star for a in build.call.arguments)
        names: set[str] = set()
        for cls in build.classes:
            found = cls.find("__init__")
            parameters = () if found is None else found[0].parameters
            taken = [p.name for p in parameters if p.kind in ("positional-only", "positional")][1:]
            if found is None or (found[0].parameter("*") is not None and count > max(len(taken), 1)):
                return set(self.contract.parameter_names)
            names.update(taken[:count])
        return names

    def _may_pass_all(self, build: Build) -> bool:
        """Whether the config itself, or what it is a part of, goes into the call, as it is or in a dict; or
        positional arguments or keywords that are not all known."""
        given = [argument.value for argument in build.call.arguments]
        if any(a.star == "*" or (a.star and self._keys(a.value) is None) for a in build.call.arguments):
            return True
        return any(
            _holds(value, config)
            for value in (*given, *_spread(build.call, self.function))
            for config in (build.config, build.whole)
        )

    def _says_nothing_of_them(self, build: Build) -> bool:
        """Whether the config is a dataclass that has none of the contract's parameters, nor have those of its
        fields that the build reads other options of: `settings.policy` for `settings.policy.hidden_size`."""
        named = next((p for p in self.function.parameters if ir.Name(p.name) == build.config), None)
        if named is None or named.annotation is None:
            return False
        cls = self.module.resolve(named.annotation)
        if not isinstance(cls, LinkedClass) or not cls.is_dataclass or cls.unknown:
            return False
        read = {
            node.value.name
            for node in ir.nodes(build.call)
            if isinstance(node, ir.Attribute)
            and isinstance(node.value, ir.Attribute)
            and node.value.value == build.config
        }
        hints = {
            name: base.module.resolve(hint)
            for base in reversed(cls.linked)
            for name, hint in zip(base.facts.fields, base.facts.hints, strict=True)
            if name in read and isinstance(hint, (ir.Name, ir.Attribute))
        }
        return not any(
            c.defines(name) or name in c.fields
            for c in (cls, *hints.values())
            if isinstance(c, LinkedClass)
            for name in self.contract.parameter_names
        )

    @cached_property
    def _set_later(self) -> set[str]:
        """Attributes that the function gives a value: `policy.clip_range = cfg.clip_range`."""
        names: set[str] = set()
        for node in self.function.nodes:
            match node:
                case ir.Assign(targets=targets):
                    names |= {target.name for target in targets if isinstance(target, ir.Attribute)}
                case ir.Call(function=ir.Name(id="setattr"), arguments=(_, ir.Argument(value=name), *_)):
                    written = name.value if isinstance(name, ir.Literal) else None
                    names |= {written} if isinstance(written, str) else set(self.contract.parameter_names)
        return names

    def _keys(self, spread: ir.Expr) -> set[str] | None:
        """The keys of a dict that is spread into a call; None where they are not all known."""
        if not isinstance(spread, ir.Name):
            return _keys_of(spread)
        found: set[str] = set()
        uses = sum(node == spread for node in self.function.nodes)
        for node in self.function.nodes:
            match node:
                case ir.Assign(targets=(target,), value=value) if target == spread:
                    keys = _keys_of(value)
                    if keys is None:
                        return None
                    found |= keys
                    uses -= 1
                case ir.Assign(targets=(ir.Subscript(value=owner, items=(ir.Literal(value=str(key)),)),)) if (
                    owner == spread
                ):
                    found.add(key)
                    uses -= 1
                case ir.Argument(value=value, star="**") if value == spread:
                    uses -= 1
        return found if uses == 0 else None

    @cached_property
    def reads_by_get(self) -> frozenset[ir.Expr]:
        """Values that the function asks with `get` or by a key, as it does with configs that are mappings."""
        return frozenset(_receivers(self.function.body))


def _spread(call: ir.Call, function: ir.FunctionFacts) -> Iterator[ir.Expr]:
    """The values in the dicts of a function that are spread into a call."""
    names = [a.value for a in call.arguments if a.star == "**" and isinstance(a.value, ir.Name)]
    for node in function.nodes if names else ():
        match node:
            case ir.Assign(targets=(ir.Name() as target,), value=value) if target in names:
                yield from value.values if isinstance(value, ir.Mapping) else (value,)
            case ir.Assign(targets=(ir.Subscript(value=owner),), value=value) if owner in names:
                yield value


def _keys_of(made: ir.Expr) -> set[str] | None:
    """The keys of a dict that is spelt out: `{"a": 1}`, `dict(a=1)`, `{k: cfg[k] for k in ("a",)}`."""
    match made:
        case ir.Mapping(keys=keys):
            named = [key.value if isinstance(key, ir.Literal) else None for key in keys]
        case ir.Call(function=ir.Name(id="dict"), arguments=arguments):
            named = [argument.keyword for argument in arguments]
        case ir.Comprehension(
            kind="DictComp",
            element=ir.Sequence(items=(key, _)),
            generators=((target, ir.Sequence(items=items), ()),),
        ) if key == target:
            named = [item.value if isinstance(item, ir.Literal) else None for item in items]
        case _:
            return None
    known = {key for key in named if isinstance(key, str)}
    return known if len(known) == len(named) else None


def _receivers(body: object) -> Iterator[ir.Expr]:
    for node in ir.nodes(body):
        match node:
            case ir.Call(function=ir.Attribute(value=value, name="get")):
                yield value
            case ir.Subscript(value=value, items=(ir.Literal(value=str()),)):
                yield value


def _holds(expr: ir.Expr, config: ir.Expr) -> bool:
    """Whether the config as a whole is part of an expression, rather than entries of it."""
    if expr == config:
        return True
    match expr:
        case ir.Attribute(value=value) | ir.Subscript(value=value) if value == config:
            return False
        case ir.Call(function=ir.Attribute(value=value, name=name), arguments=arguments) if value == config:
            return name not in ("get", "pop") or any(_holds(a.value, config) for a in arguments)
        case _:
            parts = [getattr(expr, name) for name in getattr(expr, "__dataclass_fields__", ())]
            return any(_holds_in(part, config) for part in parts)


def _holds_in(part: object, config: ir.Expr) -> bool:
    if isinstance(part, tuple):
        return any(_holds_in(p, config) for p in part)
    if isinstance(part, ir.Argument):
        return _holds(part.value, config)
    return hasattr(part, "__dataclass_fields__") and _holds(part, config)  # type: ignore[arg-type]


def _configs(expr: object) -> Iterator[ir.Expr]:
    """What an expression reads entries of: `cfg.x`, `cfg["x"]`, `cfg.get("x")`, `self.cfg.x`."""
    for node in ir.nodes(expr):
        match node:
            case ir.Call(function=ir.Attribute(value=value, name="get"), arguments=(_, *_)) if _is_path(
                value
            ):
                yield value
            case ir.Attribute(value=value) if _is_path(value) and value != ir.Name("self"):
                yield value
            case ir.Subscript(value=value, items=(ir.Literal(value=str()),)) if _is_path(value):
                yield value


def _is_path(expr: ir.Expr) -> bool:
    return isinstance(ir.head(expr), ir.Name)


def _part_of(expr: ir.Expr) -> ir.Expr | None:
    """What `cfg.agent`, `cfg["agent"]` and `cfg.get("agent")` are a part of."""
    match expr:
        case ir.Attribute(value=ir.Name() as value):
            return value
        case ir.Subscript(value=ir.Name() as value, items=(ir.Literal(value=str()),)):
            return value
        case ir.Call(function=ir.Attribute(value=ir.Name() as value, name="get"), arguments=(_, *_)):
            return value
        case _:
            return None


# ------------------------------------------------------------------------------- what is built


def factories(module: Module, contract: Contract) -> Iterator[Factory]:
    """The functions of a file that build contract policies from a config."""
    functions = [*module.facts.functions, *(f for c in module.facts.classes for f in c.functions)]
    for function in functions:
        builds = tuple(_builds(function, module, contract))
        if builds:
            yield Factory(function, module, contract, builds)


def _builds(function: ir.FunctionFacts, module: Module, contract: Contract) -> Iterator[Build]:
    given: set[ir.Expr] = {ir.Name(p.name) for p in function.parameters}
    assigned: dict[str, list[ir.Expr]] = {}
    for node in function.nodes:
        targets = node.targets if isinstance(node, ir.Assign) else ()
        for target in (node.target,) if isinstance(node, ir.Walrus) else targets:
            if isinstance(target, ir.Name) and isinstance(node, (ir.Assign, ir.Walrus)):
                assigned.setdefault(target.id, []).append(node.value)
    given |= {
        ir.Name(name)
        for name, values in assigned.items()
        if _is_loaded(values, module) or (len(values) == 1 and _copied(values[0]) in given)
    }
    # Local names of a part of a config: `opponent = cfg.opponent`.
    wholes: dict[ir.Expr, ir.Expr] = {
        ir.Name(name): head
        for name, values in assigned.items()
        if len(values) == 1 and (head := _part_of(values[0])) in given
    }
    given |= wholes.keys()
    choices = dict(_choices(function.body, given, assigned))
    chosen: list[Build] = []  # by nothing but a test
    for node in function.nodes:
        if not isinstance(node, ir.Call) or _is_method(node.function, given, assigned):
            continue
        given_here = (*_options(node, contract), *_spread(node, function))
        around = {
            ir.head(_told(a.value, assigned))
            for i, a in enumerate(node.arguments)
            if _is_environment(i, a, contract)
        }  # what holds the environment is no config
        told = (_told(value, assigned) for value in given_here)
        read = [c for v in told for c in _configs(v) if _is_config(c, given)]
        read = [c for c in read if not around & {c, wholes.get(c)}]
        choice = choices.get(node.function if node.function in choices else node)
        is_told = read or choice is not None
        if _is_named(node.function, assigned) and (not is_told or _is_function(node.function, module)):
            continue  # before another file is read for it
        classes, selected_by = _classes(node.function, assigned, module, function)
        if not classes or not all(_is_contract(c, contract) for c in classes):
            continue
        chosen_by = tuple(_told(expr, assigned) for expr in selected_by)
        read = [*(c for c in _configs(chosen_by) if _is_config(c, given)), *read]
        if read:
            yield Build(node, classes, read[0], wholes.get(read[0], read[0]))
        elif choice is not None and choice not in [a.value for a in node.arguments]:
            chosen.append(Build(node, classes, choice, wholes.get(choice, choice)))
    if len({cls for build in chosen for cls in build.classes}) > 1:
        yield from chosen


def _choices(
    body: tuple[ir.Stmt, ...],
    given: set[ir.Expr],
    assigned: Mapping[str, list[ir.Expr]],
    config: ir.Expr | None = None,
) -> Iterator[tuple[ir.Expr, ir.Expr]]:
    """The calls, and the names that are given a value, where a test of a config's entries says so; and the
    config."""
    for statement in body:
        if isinstance(statement, ir.If):
            read = next(_read(statement.test, given, assigned), config)
            for arm in (statement.body, statement.orelse):
                yield from _choices(arm, given, assigned, read)
            if statement.body and isinstance(statement.body[-1], (ir.Return, ir.Raise)):
                config = read  # what follows is the other arm
            continue
        for block in ir.blocks(statement):
            yield from _choices(block, given, assigned, config)
        if config is not None and not ir.blocks(statement):
            targets = statement.targets if isinstance(statement, ir.Assign) else ()
            calls = (node for node in ir.nodes(statement) if isinstance(node, ir.Call))
            yield from ((chosen, config) for chosen in (*calls, *targets))


def _read(test: ir.Expr, given: set[ir.Expr], assigned: Mapping[str, list[ir.Expr]]) -> Iterator[ir.Expr]:
    """The configs whose entries a test asks for."""
    names = (node for node in ir.nodes(test) if isinstance(node, ir.Name))
    entries = (*_configs(test), *_configs(tuple(_told(name, assigned) for name in names)))
    return (c for entry in entries if _is_config(c := _told(entry, assigned), given))


# What reads a config out of a file.
_LOADERS = frozenset("yaml.safe_load yaml.full_load yaml.load tomllib.load omegaconf.OmegaConf.load".split())
_LOAD = frozenset(name.rpartition(".")[2] for name in _LOADERS)


def _is_loaded(values: list[ir.Expr], module: Module) -> bool:
    """Whether a local name stands for a config that the function reads out of a file."""
    match values:
        case [ir.Call(function=ir.Name(id=name) | ir.Attribute(name=name) as loader)] if name in _LOAD:
            symbol = module.resolve(loader)  # which may read other files
            return isinstance(symbol, External) and symbol.name in _LOADERS
        case _:
            return False


def _copied(value: ir.Expr) -> ir.Expr | None:
    """What `vars(args)` and `dict(cfg)` are made of."""
    match value:
        case ir.Call(
            function=ir.Name(id="vars" | "dict"), arguments=(ir.Argument(value=copied, keyword=None),)
        ):
            return copied
        case _:
            return None


def _told(expr: ir.Expr, assigned: Mapping[str, list[ir.Expr]]) -> ir.Expr:
    """What a local name stands for, where it is given one value."""
    if isinstance(expr, ir.Name) and len(values := assigned.get(expr.id, [])) == 1:
        return values[0]
    return expr


def _options(call: ir.Call, contract: Contract) -> Iterator[ir.Expr]:
    """What a call gives besides the environment."""
    return (a.value for i, a in enumerate(call.arguments) if not _is_environment(i, a, contract))


def _is_environment(position: int, argument: ir.Argument, contract: Contract) -> bool:
    """Whether an argument is the environment, which comes first or under its own name."""
    name = dict(contract.environment).get("parameter")
    if name is None:
        return False
    by_position = position == 0 and argument.keyword is None and not argument.star
    return by_position or (argument.keyword or "").startswith(name)


def _is_config(expr: ir.Expr, given: set[ir.Expr]) -> bool:
    """Whether somebody else brings a value: a parameter that is read, or an attribute of self."""
    is_own = isinstance(expr, ir.Attribute) and expr.value == ir.Name("self")
    return ir.head(expr) in given and (isinstance(expr, ir.Name) or is_own)


def _is_method(callee: ir.Expr, given: set[ir.Expr], assigned: Mapping[str, list[ir.Expr]]) -> bool:
    """Whether what is called belongs to a parameter, to a local name or to what a call gave: no class."""
    if not isinstance(callee, ir.Attribute) or callee.name == "get":
        return False
    head = ir.head(callee)
    return head in given or not isinstance(head, ir.Name) or head.id in assigned


def _is_named(callee: ir.Expr, assigned: Mapping[str, list[ir.Expr]]) -> bool:
    """Whether a callee is what its name says: nothing chooses it."""
    if isinstance(callee, ir.Name):
        return callee.id not in assigned
    return isinstance(callee, ir.Attribute)


def _is_function(callee: ir.Expr, module: Module) -> bool:
    """Whether a name is imported from a file whose text defines a function of that name."""
    binding = module.facts.lookup(callee.id) if isinstance(callee, ir.Name) else None
    if not isinstance(binding, ir.Imported) or binding.attribute is None:
        return False
    path = module.project.imported_file(binding, module)
    return path is not None and module.project.defines_function(path, binding.attribute)


def _classes(
    callee: ir.Expr, assigned: Mapping[str, list[ir.Expr]], module: Module, function: ir.FunctionFacts
) -> tuple[tuple[LinkedClass, ...], tuple[ir.Expr, ...]]:
    """The classes that a callee may be, and the expressions that choose; none where not all are known.
    `assigned` holds what the names of the function are given."""
    if isinstance(callee, ir.Name) and callee.id in assigned:
        found = [_chosen(value, module, function) for value in assigned[callee.id]]
        if not all(classes for classes, _ in found):
            return (), ()
        return tuple(c for cs, _ in found for c in cs), tuple(key for _, keys in found for key in keys)
    return _chosen(callee, module, function)


def _chosen(
    expr: ir.Expr, module: Module, function: ir.FunctionFacts
) -> tuple[tuple[LinkedClass, ...], tuple[ir.Expr, ...]]:
    match expr:
        case ir.Subscript(value=table, items=(key,)):
            return _table(table, module, function), (key,)
        case ir.Call(function=ir.Attribute(value=table, name="get"), arguments=(first, *_)):
            return _table(table, module, function), (first.value,)
        case ir.Conditional(test=test, body=body, orelse=orelse):
            arms = [_chosen(arm, module, function) for arm in (body, orelse)]
            if not all(classes for classes, _ in arms):
                return (), ()
            return tuple(c for cs, _ in arms for c in cs), (test, *(k for _, ks in arms for k in ks))
        case ir.Name() | ir.Attribute():
            symbol = module.resolve(expr)
            return ((symbol,), ()) if isinstance(symbol, LinkedClass) else ((), ())
        case _:
            return (), ()


def _table(expr: ir.Expr, module: Module, function: ir.FunctionFacts) -> tuple[LinkedClass, ...]:
    """The classes in a dict of a module or a class, which may be filled by decorators."""
    found: ir.Expr | None = None
    spellings = {expr}
    match expr:
        case ir.Name(id=name):
            found, module = module.assigned(name) or (None, module)
        case ir.Attribute(value=ir.Name(id=head), name=name):
            within = function.qualname.rpartition(".")[0]
            is_own = bool(within and function.parameters) and head == function.parameters[0].name
            cls = module.resolve(ir.Name(within if is_own else head))
            if isinstance(cls, LinkedClass):
                module, found = cls.module, dict(cls.facts.attributes).get(name)
                spellings = {ir.Attribute(ir.Name(owner), name) for owner in ("cls", "self", cls.name)}
                if isinstance(found, ir.Name):
                    found, module = module.assigned(found.id) or (None, module)
    match found:
        case ir.Mapping(keys=()):
            return tuple(_registered(spellings, module))
        case ir.Mapping(values=values):
            pass
        case ir.Call(function=ir.Name(id="dict"), arguments=(ir.Argument(value=ir.Sequence(items=pairs)),)):
            values = tuple(pair.items[-1] for pair in pairs if isinstance(pair, ir.Sequence))
            if len(values) < len(pairs):
                return ()
        case ir.Call(function=ir.Name(id="dict"), arguments=arguments):
            values = tuple(argument.value for argument in arguments)
        case ir.Comprehension(
            kind="DictComp",
            element=ir.Sequence(items=(_, ir.Name() as value)),
            generators=((target, ir.Sequence(items=values), ()),),
        ) if value == target:
            pass
        case _:
            return ()
    symbols = [module.resolve(value) for value in values]
    return (
        tuple(s for s in symbols if isinstance(s, LinkedClass))
        if all(isinstance(s, LinkedClass) for s in symbols)
        else ()
    )


def _registered(table: Set[ir.Expr], module: Module) -> Iterator[LinkedClass]:
    """The classes that decorators put into a table of a module: `TABLE[name] = cls`."""
    for function in (*module.facts.functions, *(f for c in module.facts.classes for f in c.functions)):
        inner = tuple(n.what for n in function.nodes if isinstance(n, ir.Define))
        nodes = list(ir.nodes((function, inner)))
        given = {ir.Name(node.name) for node in nodes if isinstance(node, ir.Parameter)}
        entered = any(
            isinstance(target, ir.Subscript) and target.value in table and node.value in given
            for node in nodes
            if isinstance(node, ir.Assign)
            for target in node.targets
        )
        for path in module.project.texts.files_with("@", function.name) if entered else ():
            if (holder := module.project.module(path)) is None:
                continue
            for facts in holder.facts.classes:
                if any(holder.decorating(decorator) == function for decorator in facts.decorators):
                    yield module.project.link(facts, holder)


def class_of(factory: Factory) -> LinkedClass | None:
    """The class that a factory is a method of."""
    module = factory.module
    found = (facts for facts in ir.classes(module.facts) if factory.function in facts.functions)
    facts = next(found, None)
    return None if facts is None else module.project.link(facts, module)


def _is_contract(cls: LinkedClass, contract: Contract) -> bool:
    """Whether a class serves the contract: it reads the observation, or inherits from who does."""
    return cls.is_module and (
        cls.inherits(contract.base)
        or is_listed(cls, contract)
        or any(contract.observation_key in ir.strings_in(f) for c in cls.linked for f in c.facts.functions)
    )
