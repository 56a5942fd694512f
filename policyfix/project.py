"""Facts of many files, linked: what a name means, which class is meant, in which order its bases answer.

Answers are three-valued. A base that is found nowhere makes a class `unknown`: whatever is asked about
something that the base might add is then unknown too, and rules stay silent.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from policyfix.facts import ir
from policyfix.index import KNOWLEDGE
from policyfix.record import record
from policyfix.sources import is_config
from policyfix.texts import Texts

# Bases that add nothing that a rule asks about.
PLAIN_BASES = frozenset(
    "object abc.ABC typing.Generic typing.Protocol typing_extensions.Protocol "
    "huggingface_hub.PyTorchModelHubMixin".split()
)
TORCH_MODULE = "torch.nn.Module"

# Packages that are never looked for among the project's files: what rules need to know of them is known.
FOREIGN = frozenset("torch tensordict torchrl numpy einops gymnasium gym pytest".split())


@record()
class External:
    """Something outside the project, by its dotted name: `torch.nn.LSTM`."""

    name: str


@record()
class ModuleRef:
    """A module of the project."""

    module: Module


@record()
class FunctionRef:
    """A function of the project: of a module, or of a class where there is an `owner`."""

    facts: ir.FunctionFacts
    module: Module
    owner: LinkedClass | None = None


@record()
class Constant:
    """What a module spells out under a name: a number, a tuple of keys, a table."""

    value: ir.Expr


@record()
class Unresolved:
    """A name whose meaning is not known."""


UNRESOLVED = Unresolved()


@dataclass(eq=False)
class Module:
    """One linked file. `name` is set for knowledge files, which are found by module name, not by path."""

    facts: ir.ModuleFacts
    project: Project
    name: str | None = None
    subjects: dict[object, Any] = field(default_factory=dict, repr=False)  # what it holds, by contract
    _members: dict[str, Symbol] = field(default_factory=dict, repr=False)

    @property
    def path(self) -> str:
        return self.facts.path

    def resolve(self, expr: ir.Expr) -> Symbol:
        """What a dotted expression means at module level."""
        match expr:
            case ir.Name(id=name):
                return self.member(name)
            case ir.Attribute(value=value, name=name):
                return self.part(self.resolve(value), name)
            case ir.Subscript(value=value):  # Base[T]
                return self.resolve(value)
            case _:
                return UNRESOLVED

    def assigned(self, name: str) -> tuple[ir.Expr, Module] | None:
        """What a name is given by the module, or by the one that it is imported from, and that module."""
        module, seen = self, set[tuple[str, str]]()
        while (module.path, name) not in seen:
            seen.add((module.path, name))
            found = module.facts.lookup(name)
            if found is None or isinstance(found, (ir.ClassFacts, ir.FunctionFacts)):
                break
            if not isinstance(found, ir.Imported):
                return found, module
            owner = self.project.imported(ir.Imported("", found.module, found.level), module)
            path = self.project.imported_file(found, module)
            holder = owner.module if isinstance(owner, ModuleRef) else path and self.project.module(path)
            if found.attribute is None or not isinstance(holder, Module):
                break
            module, name = holder, found.attribute
        return None

    def method(self, expr: ir.Expr) -> ir.FunctionFacts | None:
        """The method that an expression names: of a class, or of an instance that a module holds."""
        module, seen = self, set[tuple[str, ir.Expr]]()
        while (named := module._given(expr)) is not None and isinstance(named[0], ir.Attribute):
            expr, module = named  # `enter = registry.add`
            if (module.path, expr) in seen:
                return None
            seen.add((module.path, expr))
        if not isinstance(expr, ir.Attribute):
            return None
        owner, made = module.resolve(expr.value), module._given(expr.value)
        if made is not None and isinstance(made[0], ir.Call):
            owner = made[1].resolve(made[0].function)
        found = owner.find(expr.name) if isinstance(owner, LinkedClass) else None
        return None if found is None else found[0]

    def _given(self, expr: ir.Expr) -> tuple[ir.Expr, Module] | None:
        """What is assigned to `name`, or to `module.name`, and where that stands."""
        match expr:
            case ir.Name(id=name):
                return self.assigned(name)
            case ir.Attribute(value=value, name=name) if isinstance(holder := self.resolve(value), ModuleRef):
                return holder.module.assigned(name)
            case _:
                return None

    def decorating(self, decorator: ir.Expr) -> ir.FunctionFacts | None:
        """The function or method of the project that a decorator calls."""
        named = decorator.function if isinstance(decorator, ir.Call) else decorator
        symbol = self.resolve(named)
        return symbol.facts if isinstance(symbol, FunctionRef) else self.method(named)

    def spelt_out(self, expr: ir.Expr | None) -> ir.Expr | None:
        """An expression, or what the constant is spelt out as that it names."""
        symbol = self.resolve(expr) if isinstance(expr, (ir.Name, ir.Attribute)) else None
        return symbol.value if isinstance(symbol, Constant) else expr

    def imported_files(self) -> Iterator[Path]:
        """The files of the project that the module imports from; they are not read."""
        found = (self.project.imported_file(binding, self) for binding in self.facts.imports)
        return (path for path in found if path is not None)

    def part(self, owner: Symbol, name: str) -> Symbol:
        """`owner.name`, as the file says it: after `import a.b`, `a.b` is a module, whatever `a` is."""
        binding = self.submodule(owner, name)
        return self.project.member(owner, name) if binding is None else self.project.imported(binding, self)

    def submodule(self, owner: Symbol, name: str) -> ir.Imported | None:
        """The import that makes `owner.name` a module."""
        binding = self.facts.lookup(f"{owner.name}.{name}") if isinstance(owner, External) else None
        return binding if isinstance(binding, ir.Imported) else None

    def member(self, name: str) -> Symbol:
        """What a name of the module means."""
        symbol = self._members.get(name)
        if symbol is None:
            cut = self.project.cut
            symbol = self._member(name)
            # Where a cycle of imports was cut on the way, another way to ask may know.
            if symbol is not UNRESOLVED or self.project.cut == cut:
                self._members[name] = symbol
        return symbol

    def _member(self, name: str) -> Symbol:
        found = self.facts.lookup(name)
        match found:
            case ir.ClassFacts():
                return self.project.link(found, self)
            case ir.FunctionFacts():
                return FunctionRef(found, self)
            case ir.Imported():
                return self.project.imported(found, self)
            case ir.Name() | ir.Attribute():  # Base = other.Base
                if found == ir.Name(name):
                    return UNRESOLVED
                return self.project.guarded(("alias", self.path, name), lambda: self.resolve(found))
            case None:
                symbol = self.project.guarded(("star", self.path, name), lambda: self._from_stars(name))
                return External(name) if symbol is UNRESOLVED and name in _BUILTINS else symbol
            case _:
                constant = self.facts.constant(name)
                return UNRESOLVED if constant is None else Constant(constant)

    def _from_stars(self, name: str) -> Symbol:
        for star in self.facts.imports:
            target = self.project.imported(star, self) if star.name == "*" else UNRESOLVED
            symbol = target.module.member(name) if isinstance(target, ModuleRef) else UNRESOLVED
            if symbol is not UNRESOLVED:
                return symbol
        return UNRESOLVED


_BUILTINS = frozenset(__builtins__ if isinstance(__builtins__, dict) else dir(__builtins__))


@dataclass(eq=False)
class LinkedClass:
    """A class with its bases found. `mro` starts with the class itself and may hold `External` classes."""

    facts: ir.ClassFacts
    module: Module
    bases: tuple[LinkedClass | External | Unresolved, ...] = ()
    mro: tuple[LinkedClass | External, ...] = field(default=())
    subjects: dict[object, Any] = field(default_factory=dict, repr=False)  # what it is, by contract
    unknown: bool = False  # some base is found nowhere, or the order of the bases is inconsistent

    @property
    def name(self) -> str:
        return self.facts.name

    @property
    def dotted(self) -> str | None:
        """Full name, for classes of knowledge files."""
        return None if self.module.name is None else f"{self.module.name}.{self.facts.qualname}"

    def is_called(self, names: tuple[str, ...]) -> bool:
        """Whether one of the names is the end of the class's dotted one: `Forager`, `forager.Forager`."""
        if not names:
            return False
        path = Path(self.module.path).absolute().with_suffix("")
        parts = path.parent.parts if path.name == "__init__" else path.parts
        own = ".".join(("", *parts, self.facts.qualname))
        return any(own.endswith(f".{name}") for name in names)

    @property
    def linked(self) -> tuple[LinkedClass, ...]:
        """The classes of the MRO whose source is at hand."""
        return tuple(c for c in self.mro if isinstance(c, LinkedClass))

    @property
    def fields(self) -> list[str]:
        """The names that class bodies annotate, in the order in which a dataclass takes them."""
        return list(dict.fromkeys(name for base in reversed(self.linked) for name in base.facts.fields))

    @property
    def is_dataclass(self) -> bool:
        """Whether instances are built with the annotated fields, and with nothing else."""
        decorators = (d.function if isinstance(d, ir.Call) else d for d in self.facts.decorators)
        return any(self.module.resolve(d) == External("dataclasses.dataclass") for d in decorators)

    @cached_property
    def is_abstract(self) -> bool:
        """Whether the class leaves methods to its subclasses, so that nobody builds it."""
        left = {f.name for cls in self.linked for f in cls.facts.functions if cls.leaves(f)}
        return any((found := self.find(name)) is not None and found[1].leaves(found[0]) for name in left)

    def leaves(self, function: ir.FunctionFacts) -> bool:
        """Whether a method of the class is one that its subclasses must define."""
        return any(self.module.resolve(d) == External("abc.abstractmethod") for d in function.decorators)

    @cached_property
    def is_module(self) -> bool:
        """Whether the class reaches `nn.Module`."""
        return any(isinstance(c, External) and is_torch_module(c.name) for c in self.mro)

    def inherits(self, dotted: str) -> bool:
        return any((c.name if isinstance(c, External) else c.dotted) == dotted for c in self.mro)

    def find(
        self, name: str, after: LinkedClass | None = None
    ) -> tuple[ir.FunctionFacts, LinkedClass] | None:
        """The method of that name that answers first, `after` one class of the MRO where given."""
        mro = self.linked
        if after is not None:
            mro = mro[mro.index(after) + 1 :] if after in mro else ()
        for cls in mro:
            function = cls.facts.function(name)
            if function is not None:
                return function, cls
            if (borrowed := cls._borrowed(name)) is not None:
                return borrowed
        return None

    def _borrowed(self, name: str) -> tuple[ir.FunctionFacts, LinkedClass] | None:
        """What the class body gives a name: another class's method, `reset = Other.reset`, or a function."""
        match dict(self.facts.attributes).get(name):
            case ir.Attribute(value=lender, name=taken):
                lent = self.module.resolve(lender)
                owners = lent.linked if isinstance(lent, LinkedClass) else ()
                return next(
                    ((f, cls) for cls in owners if (f := cls.facts.function(taken)) is not None), None
                )
            case ir.Name() as named:
                lent = self.module.resolve(named)
                if isinstance(lent, FunctionRef) and lent.module is self.module:
                    return lent.facts, self
        return None

    def setter(self, name: str) -> tuple[ir.FunctionFacts, LinkedClass] | None:
        """The setter of a property of that name, with the class that defines it."""
        return next(((f, cls) for cls in self.linked if (f := cls.facts.setter(name)) is not None), None)

    def defines(self, name: str) -> bool | None:
        """Whether instances answer to a name through their class: yes, no, or unknown (None)."""
        if any(
            cls.facts.defines(name) or (cls.name, name) in cls.module.facts.patched for cls in self.linked
        ):
            return True
        if self.unknown or self.is_dynamic:
            return None
        return False

    @property
    def is_dynamic(self) -> bool:
        """Whether something may answer for the class that its source does not show."""
        return self.is_rebuilt or any(
            cls.facts.defines("__getattr__") or cls.facts.defines("__getattribute__") for cls in self.linked
        )

    @cached_property
    def is_rebuilt(self) -> bool:
        """Whether a decorator or a metaclass may have given the class other methods than its source shows."""
        return any(
            not all(_gives_back(decorator, cls) for decorator in cls.facts.decorators)
            or (cls.name, "*") in cls.module.facts.patched
            or (
                cls.facts.metaclass is not None
                and not _leaves_classes_alone(cls.module.resolve(cls.facts.metaclass))
            )
            for cls in self.linked
        )


Symbol = LinkedClass | FunctionRef | ModuleRef | Constant | External | Unresolved


# Decorators that say something of a class, and change nothing in it.
_MARKS = frozenset(
    f"{module}.{name}" for module in ("typing", "typing_extensions") for name in ("final", "override")
)


def _gives_back(decorator: ir.Expr, cls: LinkedClass) -> bool:
    """Whether a decorator gives a class back as it is, or with a constructor of its fields."""
    module = cls.module
    is_called = isinstance(decorator, ir.Call)
    function = module.decorating(decorator)
    if function is None:
        symbol = module.resolve(decorator.function if isinstance(decorator, ir.Call) else decorator)
        if symbol == External("dataclasses.dataclass"):  # of a module, more than its fields would be wanting
            return not cls.is_module
        return isinstance(symbol, External) and symbol.name in _MARKS
    inner = (node.what for node in function.nodes if isinstance(node, ir.Define))
    keeping = {f.name for f in inner if isinstance(f, ir.FunctionFacts) and _returns_what_it_is_given(f)}
    returned = list(_returned(function.body))
    heads = [value.function if isinstance(value, ir.Call) else value for value in returned]
    if returned and all(isinstance(head, ir.Name) and head.id in keeping for head in heads):
        return is_called or any(isinstance(value, ir.Call) for value in returned)
    return not is_called and _returns_what_it_is_given(function)


def _returns_what_it_is_given(function: ir.FunctionFacts) -> bool:
    """Whether a function returns one of its parameters, of which it only asks, or which it puts somewhere."""
    returned = set(_returned(function.body))
    if len(returned) != 1 or returned.isdisjoint(ir.Name(p.name) for p in function.parameters):
        return False
    (given,) = returned
    nodes = list(ir.nodes(function.body))
    fine: list[object] = []
    for node in nodes:
        match node:
            case (
                ir.Return(value=value)
                | ir.Attribute(value=value, name="__name__" | "__qualname__" | "__module__")
            ):
                fine.append(value)
            case ir.Assign(targets=targets, value=value) if not any(isinstance(t, ir.Name) for t in targets):
                fine.append(value)
            case ir.Comparison(left=left, rights=rights):
                fine += [left, *rights]
            case ir.Call(function=ir.Name(name) | ir.Attribute(name=name), arguments=arguments) if (
                name in _KEEPING
            ):
                fine += [argument.value for argument in arguments]
    return nodes.count(given) == fine.count(given)


# Builtins that ask what a class is, and methods of containers that keep it.
_KEEPING = frozenset("issubclass isinstance repr str id hash append add setdefault".split())


def _returned(body: tuple[ir.Stmt, ...]) -> Iterator[ir.Expr]:
    """What a function returns, on every path; what functions inside of it return does not count."""
    for statement in body:
        if isinstance(statement, ir.Return):
            todo = [statement.value]
            while todo:
                value = todo.pop()
                if isinstance(value, ir.Conditional):
                    todo += [value.body, value.orelse]
                else:
                    yield value
        for block in ir.blocks(statement):
            yield from _returned(block)


def _leaves_classes_alone(metaclass: Symbol) -> bool:
    """Whether classes of a metaclass are what their source shows: it keeps a register of them, say."""
    if not isinstance(metaclass, LinkedClass):
        return metaclass in (External("abc.ABCMeta"), External("type"))
    functions = metaclass.facts.functions
    return (
        bool(metaclass.bases)
        and all(_leaves_classes_alone(base) for base in metaclass.bases)
        and {function.name for function in functions} <= {"__new__", "__init__"}
        and all(map(_only_looks, functions))
    )


def _only_looks(function: ir.FunctionFacts) -> bool:
    """Whether `__new__` or `__init__` of a metaclass only reads, keeps and hands on what it is given: every
    time that it speaks of the class, or of its namespace, it is in one of these ways."""
    given = [parameter.name for parameter in function.parameters]
    if len(given) < 4:  # the class or its metaclass, its name, its bases and its namespace
        return False
    nodes = list(ir.nodes(function.body))
    handing_on = [n for n in nodes if isinstance(n, ir.Call) and _hands_on(n, given)]
    made = {
        target.id
        for node in nodes
        if isinstance(node, ir.Assign) and node.value in handing_on
        for target in node.targets
        if isinstance(target, ir.Name)
    }
    fine: list[object] = [argument.value for call in handing_on for argument in call.arguments]
    for node in nodes:
        match node:
            case ir.Assign(targets=targets, value=value):
                if value in handing_on:
                    fine += targets
                elif not any(isinstance(target, ir.Name) for target in targets):  # kept, under no other name
                    fine.append(value)
            case ir.Return(value=value):
                if function.name == "__new__" and value not in (*handing_on, *map(ir.Name, made)):
                    return False
                fine.append(value)
            case ir.Attribute(value=value, name="get" | "__name__" | "__module__" | "__qualname__"):
                fine.append(value)
            case _:
                pass
    watched = [ir.Name(name) for name in {given[0], given[3], *made}]
    return all(nodes.count(name) == fine.count(name) for name in watched)


def _hands_on(call: ir.Call, given: list[str]) -> bool:
    """`super().__new__(...)` or `super().__init__(...)` with nothing but what the method was given."""
    match call.function:
        case ir.Attribute(value=ir.Call(function=ir.Name(id="super")), name="__new__" | "__init__"):
            return all(isinstance(a.value, ir.Name) and a.value.id in given for a in call.arguments)
        case _:
            return False


# A method and the class that defines it.
Found = tuple[ir.FunctionFacts, LinkedClass]

# How a file becomes facts: None where there is no such file or it cannot be read.
Reader = Callable[[Path], ir.ModuleFacts | None]


def is_torch_module(dotted: str) -> bool:
    """`torch.nn.Module` or one of torch's own modules."""
    prefix, _, name = dotted.rpartition(".")
    return prefix in ("torch.nn", "torch.nn.modules") and name[:1].isupper()


# Files and the parts of their paths, as an import would spell them, by the last part.
_ByLastName = dict[str, list[tuple[str, list[str]]]]


def _by_last_name(files: Iterable[str]) -> _ByLastName:
    found: _ByLastName = {}
    for file in files:
        if file.endswith(".py"):
            parts = file.removesuffix(".py").removesuffix(os.sep + "__init__").split(os.sep)
            found.setdefault(parts[-1], []).append((file, parts))
    return found


class Project:
    """The files that belong together. Files are read when a name leads to them, each once."""

    def __init__(
        self,
        reader: Reader,
        known: Iterable[Path] = (),
        data: Callable[[Path], bytes] = lambda _: b"",
        around: Callable[[], tuple[list[str], list[str]]] = lambda: ([], []),
        stamps: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._read = reader
        self._data = data  # the bytes of a known file
        self._known = tuple(known)  # files whose path suffix may answer an absolute import
        self.texts = Texts(self._everywhere, data)
        self._list_around = around  # others that may, where none of these does, and their folders
        self._stamps = stamps  # whether a file speaks of all stamps
        self._modules: dict[Path, Module | None] = {}
        self._knowledge: dict[str, Module | None] = {}
        self._classes: dict[int, LinkedClass] = {}
        self._searched: dict[tuple[str, str], Path | None] = {}  # by module and importing folder
        self._by_name: dict[str, Path | None] = {}  # by module, wherever it is imported
        self._mentioned: dict[tuple[Path, frozenset[str]], bool] = {}
        self._active: set[object] = set()
        self.cut = 0  # how often a name was asked for again while it was looked for
        # Where an import looked for files, and files that were only glanced at.
        self.absent: set[str] = set()

    def guarded(self, key: object, work: Callable[[], Symbol]) -> Symbol:
        """`work`, or unresolved where the key is already being resolved: import cycles end here."""
        if key in self._active:
            self.cut += 1
            return UNRESOLVED
        self._active.add(key)
        try:
            return work()
        finally:
            self._active.discard(key)

    def module(self, path: Path) -> Module | None:
        path = path.absolute()
        if path not in self._modules:
            facts = self._read(path)
            self._modules[path] = None if facts is None else Module(facts, self)
        return self._modules[path]

    def mentions(self, path: Path, words: frozenset[str]) -> bool:
        """Whether the text of a file holds one of the words."""
        key = (path, words)
        if key not in self._mentioned:
            data = self._data(path)
            self.absent.add(str(path))  # another text might bring another answer
            self._mentioned[key] = any(word.encode() in data for word in words)
        return self._mentioned[key]

    def defines_function(self, path: Path, name: str) -> bool:
        """Whether the text of a file has a function of that name at its margin."""
        self.absent.add(str(path))
        header = rb"^(?:async[ \t]+)?def[ \t]+%s\b" % re.escape(name).encode()
        return re.search(header, self._data(path), re.MULTILINE) is not None

    def classes_called(self, name: str) -> list[LinkedClass]:
        """The module-level classes of that name in the project's files."""
        header = re.compile(rb"^class[ \t]+%s\b" % re.escape(name).encode(), re.MULTILINE)
        paths = self.texts.files_with(name)
        modules = [self.module(path) for path in paths if header.search(self._data(path))]
        symbols = [module.member(name) for module in modules if module is not None]
        return [symbol for symbol in symbols if isinstance(symbol, LinkedClass)]

    @cached_property
    def stamping_files(self) -> list[Path]:
        """The Python files that speak of all stamps, in order of their paths."""
        known = (str(path.absolute()) for path in self._known if not is_config(path))
        return sorted(Path(file) for file in {*known, *self._files_around} if self._stamps(file))

    def importers_mention(self, path: str, *words: str) -> bool:
        """Whether some file that may import this one holds all of the words: it names the module or a
        package that the module is in, or the package that it is itself in by dots alone."""
        here = Path(path).absolute()
        packages = {p.name for p in here.parents if self._is_package(p)} | {here.parent.name}
        modules = b"|".join(re.escape(name).encode() for name in sorted({here.stem, *packages}) if name)
        return self.texts.others_say(path, words, rb"\b(?:%s)\b|\bfrom\s+\.+\s*import\b" % modules)

    def imported_file(self, binding: ir.Imported, module: Module) -> Path | None:
        """The project's file that an import reads, without reading it: None where it is none of ours."""
        importer = Path(module.path)
        found = self.locate("." * binding.level + binding.module, importer, binding.attribute)
        if found is None and binding.attribute is not None:  # a module of a namespace package
            found = self.locate("." * binding.level + f"{binding.module}.{binding.attribute}", importer)
        return found

    # ------------------------------------------------------------------------------------ names

    def member(self, owner: Symbol, name: str) -> Symbol:
        """`owner.name`."""
        match owner:
            case External(name=prefix):
                return self.external(f"{prefix}.{name}")
            case ModuleRef(module=module):
                symbol = module.member(name)
                if symbol is UNRESOLVED and module.facts.is_package:
                    return self._submodule(module, name)
                return symbol
            case LinkedClass(facts=facts, module=module):
                nested = next((c for c in facts.classes if c.name == name), None)
                return UNRESOLVED if nested is None else self.link(nested, module)
            case _:
                return UNRESOLVED

    def _submodule(self, package: Module, name: str) -> Symbol:
        found = self._at(Path(package.path).absolute().parent, [name])
        module = None if found is None else self.module(found)
        return UNRESOLVED if module is None else ModuleRef(module)

    def imported(self, binding: ir.Imported, module: Module) -> Symbol:
        """What an import binds."""
        key = ("import", module.path, binding.module, binding.level, binding.attribute)
        return self.guarded(key, lambda: self._imported(binding, module))

    def _imported(self, binding: ir.Imported, module: Module) -> Symbol:
        parts = binding.module.split(".") if binding.module else []
        if binding.level:
            return self._relative(binding, module, parts)
        target = self._absolute(parts, module, binding.attribute)
        if binding.attribute in (None, "*"):
            return self.external(binding.module) if target is None else ModuleRef(target)
        assert binding.attribute is not None
        if target is not None:
            symbol = self.member(ModuleRef(target), binding.attribute)
            if symbol is not UNRESOLVED:
                return symbol
        inner = self._absolute([*parts, binding.attribute], module)  # a module of a namespace package
        if inner is not None:
            return ModuleRef(inner)
        return UNRESOLVED if target is not None else self.external(f"{binding.module}.{binding.attribute}")

    def _absolute(self, parts: list[str], module: Module, attribute: str | None = None) -> Module | None:
        if module.name is not None:  # knowledge files import what is outside
            return None
        found = self._find(parts, Path(module.path), attribute)
        return None if found is None else self.module(found)

    def _relative(self, binding: ir.Imported, module: Module, parts: list[str]) -> Symbol:
        folder = self._above(Path(module.path), binding.level)
        found = self._at(folder, parts)
        target = None if found is None else self.module(found)
        if target is not None and target is not module:
            if binding.attribute == "*":
                return ModuleRef(target)
            symbol = self.member(ModuleRef(target), binding.attribute or "")
            if symbol is not UNRESOLVED:
                return symbol
        if binding.attribute in (None, "*"):
            return UNRESOLVED
        assert binding.attribute is not None
        found = self._at(folder, [*parts, binding.attribute])
        target = None if found is None else self.module(found)
        return UNRESOLVED if target is None else ModuleRef(target)

    def locate(self, dotted: str, importer: Path, attribute: str | None = None) -> Path | None:
        """The file of a module as an import in another file spells it: `pkg.mod`, `.mod`, `..`. `attribute`
        is what it imports from there."""
        name = dotted.lstrip(".")
        level = len(dotted) - len(name)
        parts = name.split(".") if name else []
        if level:
            return self._at(self._above(importer, level), parts)
        return self._find(parts, importer, attribute)

    @staticmethod
    def _above(path: Path, level: int) -> Path:
        """The folder that `level` leading dots mean in a file."""
        return path.absolute().parents[level - 1]

    def _at(self, folder: Path, parts: list[str]) -> Path | None:
        place = os.path.join(folder, *parts)  # thousands of these are none: no paths are made of them
        for candidate in (*([f"{place}.py"] if parts else []), os.path.join(place, "__init__.py")):
            if os.path.isfile(candidate):
                return Path(candidate)
            self.absent.add(candidate)
        return None

    def _find(self, parts: list[str], importer: Path, attribute: str | None = None) -> Path | None:
        """The file of an absolute import: under a folder above the importing file, else by path suffix. The
        `attribute` imported may be a module of a namespace package above the file: that is nearer."""
        folder = importer.absolute().parent
        if not parts or (parts[0] in FOREIGN and parts[0] not in folder.parts):
            return None
        above = self._above_folder(parts, folder)
        if above is not None:
            return above
        name = ".".join(parts)
        if name not in self._by_name:
            by_suffix = self._by_suffix(parts, self._by_module) or self._by_suffix(parts, self._around)
            self._by_name[name] = by_suffix
        found = self._by_name[name]
        if found is None or attribute is None:
            return found
        return found if self._above_folder([*parts, attribute], folder) is None else None

    def _above_folder(self, parts: list[str], folder: Path) -> Path | None:
        """The file of a module that stands in a folder, or in one above it."""
        key = (".".join(parts), str(folder))
        if key not in self._searched:
            places = (self._at(root, parts) for root in (folder, *folder.parents))
            self._searched[key] = next(filter(None, places), None)
        return self._searched[key]

    def _by_suffix(self, parts: list[str], files: _ByLastName) -> Path | None:
        """The only file whose folders, from its own name upwards, are those of the import; a package is its
        `__init__.py`. What stands in a package has a longer name: `types` is none of its modules."""
        found = [
            file
            for file, tail in files.get(parts[-1], ())
            if tail[-len(parts) :] == parts and not self._is_package(os.sep.join(tail[: -len(parts)]))
        ]
        return Path(found[0]) if len(found) == 1 else None

    @staticmethod
    def _is_package(folder: str | Path) -> bool:
        return os.path.isfile(os.path.join(folder, "__init__.py"))

    @cached_property
    def _by_module(self) -> _ByLastName:
        return _by_last_name(map(str, self._known))

    def _everywhere(self) -> list[Path]:
        """The project's files. Where a few are given, as in a hook, the others count too: what they say is
        why a rule is silent, and no file has more findings alone than among them."""
        known = {path.absolute() for path in self._known}
        others = (Path(file) for file in self._files_around)
        return [*self._known, *(path for path in others if path not in known)]

    @cached_property
    def _around(self) -> _ByLastName:
        return _by_last_name(self._files_around)

    @cached_property
    def _files_around(self) -> list[str]:
        files, folders = self._list_around()
        self.absent.update(folders)  # for modules that do not exist yet
        return files

    def external(self, dotted: str) -> Symbol:
        """Something outside the project: a class of a knowledge file where one describes it."""
        canonical = _CANONICAL.get(dotted, dotted)
        prefix, _, name = canonical.rpartition(".")
        if prefix:
            module = self._knowledge_module(prefix)
            if module is not None and (found := module.facts.lookup(name)) is not None:
                if isinstance(found, ir.ClassFacts):
                    return self.link(found, module)
                if isinstance(found, ir.FunctionFacts):
                    return FunctionRef(found, module)
        return External(canonical)

    def _knowledge_module(self, name: str) -> Module | None:
        if name not in self._knowledge:
            self._knowledge[name] = None
            resource = KNOWLEDGE / f"{name}.pyi"
            if resource.is_file():
                facts = self._read(resource)
                if facts is not None:
                    self._knowledge[name] = Module(facts, self, name)
        return self._knowledge[name]

    # ---------------------------------------------------------------------------------- classes

    def link(self, facts: ir.ClassFacts, module: Module) -> LinkedClass:
        """The class with its bases found and put in C3 order."""
        known = self._classes.get(id(facts))
        if known is not None:
            return known
        linked = LinkedClass(facts, module)
        linked.mro = (linked,)
        self._classes[id(facts)] = linked
        bases = tuple(self._base(expr, linked, module) for expr in facts.bases)
        linked.bases = bases
        linked.unknown = any(
            isinstance(b, Unresolved)
            or (isinstance(b, LinkedClass) and (b.unknown or linked in b.mro))
            or (isinstance(b, External) and b.name not in PLAIN_BASES and not is_torch_module(b.name))
            for b in bases
        )
        order = _c3(linked, [b for b in bases if not isinstance(b, Unresolved)])
        if order is None:
            linked.unknown = True
        else:
            linked.mro = order
        return linked

    def _base(
        self, expr: ir.Expr, linked: LinkedClass, module: Module
    ) -> LinkedClass | External | Unresolved:
        symbol = module.resolve(expr)
        if symbol is linked or not isinstance(symbol, (LinkedClass, External)):
            return UNRESOLVED
        return symbol


# Other spellings of names that rules and knowledge files know.
_CANONICAL = {
    "torch.nn.modules.module.Module": TORCH_MODULE,
    "torch.nn.modules.Module": TORCH_MODULE,
    "torch.nn.modules.rnn.LSTM": "torch.nn.LSTM",
    "torch.nn.modules.rnn.GRU": "torch.nn.GRU",
    "tensordict.tensordict.TensorDict": "tensordict.TensorDict",
    "tensordict.base.TensorDictBase": "tensordict.TensorDictBase",
    "policyfix.runtime.policy.RecurrentPolicy": "policyfix.runtime.RecurrentPolicy",
}


def _c3(cls: LinkedClass, bases: list[LinkedClass | External]) -> tuple[LinkedClass | External, ...] | None:
    """Method resolution order of the bases that were found; None where Python would refuse it."""
    sequences = [list(b.mro) if isinstance(b, LinkedClass) else [b] for b in bases]
    sequences.append(list(bases))
    order: list[LinkedClass | External] = [cls]
    while any(sequences):
        sequences = [s for s in sequences if s]
        for sequence in sequences:
            head = sequence[0]
            if not any(head in other[1:] for other in sequences):
                break
        else:
            return None
        order.append(head)
        for sequence in sequences:
            if sequence[0] == head:
                del sequence[0]
    return tuple(order)
