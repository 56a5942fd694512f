"""An `AgentConfig` is a YAML file that describes a policy as components that name their sources."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from policyfix.contract import LOADER, Contract
from policyfix.facts import ir
from policyfix.project import LinkedClass, ModuleRef, Project
from policyfix.record import record
from policyfix.remembered import remembered
from policyfix.trace import Place

# Keys of a component that say how it is built and connected, rather than how it behaves.
STRUCTURE = frozenset({"sources", "name", "nn_params"})


@record()
class Entry:
    """A key, or an element of a list, with its value and where it stands."""

    name: str
    value: yaml.Node
    place: Place


@record()
class Component:
    name: str
    place: Place
    options: tuple[Entry, ...]  # all keys but those that start with an underscore
    sources: tuple[Entry, ...]  # the components that it reads
    target: LinkedClass | None  # the class that `_target_` names, where it is found


@dataclass(eq=False)
class AgentConfig:
    """One config file."""

    path: str
    project: Project
    contract: Contract
    root: yaml.MappingNode

    @property
    def name(self) -> str:
        return Path(self.path).name

    @property
    def header(self) -> Place:
        return self.place(self.root, "")

    @property
    def inherits_from(self) -> tuple[tuple[str, str], ...]:
        return ()

    def place(self, node: yaml.Node, symbol: str) -> Place:
        start, end = node.start_mark, node.end_mark
        span = ir.Span(start.line + 1, start.column + 1, end.line + 1, end.column + 1)
        return Place(self.path, symbol, span)

    @cached_property
    def is_composed(self) -> bool:
        """Whether other files may add components or replace them."""
        return any(e.name == "defaults" for e in self._entries(self.root, ""))

    @cached_property
    def components(self) -> dict[str, Component]:
        found = {}
        for outer in self._entries(self.root, ""):
            if outer.name == "components" and isinstance(outer.value, yaml.MappingNode):
                for entry in self._entries(outer.value, "components."):
                    if isinstance(entry.value, yaml.MappingNode):
                        found[entry.name] = self._component(entry, entry.value)
        return found

    def _component(self, entry: Entry, node: yaml.MappingNode) -> Component:
        inner = list(self._entries(node, f"{entry.place.symbol}."))
        target = next((self._class(e.value.value) for e in inner if e.name == "_target_"), None)
        return Component(
            entry.name,
            entry.place,
            tuple(e for e in inner if not e.name.startswith("_")),
            tuple(s for e in inner if e.name == "sources" for s in self._sources(e)),
            target,
        )

    def _sources(self, entry: Entry) -> Iterator[Entry]:
        if isinstance(entry.value, yaml.ScalarNode) and "${" in entry.value.value:
            yield Entry(entry.value.value, entry.value, entry.place)
        if isinstance(entry.value, yaml.SequenceNode):
            for item in entry.value.value:
                for inner in self._entries(item, f"{entry.place.symbol}."):
                    if inner.name == "name" and isinstance(inner.value, yaml.ScalarNode):
                        yield Entry(
                            inner.value.value, inner.value, self.place(inner.value, inner.place.symbol)
                        )

    def _entries(self, node: yaml.Node, prefix: str) -> Iterator[Entry]:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    yield Entry(key.value, value, self.place(key, prefix + key.value))

    def _class(self, dotted: object) -> LinkedClass | None:
        """The class that a `_target_` names."""
        module, _, name = str(dotted).rpartition(".")
        path = self.project.locate(module, Path(self.path)) if module else None
        holder = None if path is None else self.project.module(path)
        symbol = None if holder is None else self.project.member(ModuleRef(holder), name)
        return symbol if isinstance(symbol, LinkedClass) else None

    def is_asked_for(self, component: Component, option: Entry) -> bool:
        """Whether some file of the repository reads an option of a component from the config itself:
        `config.components._core_.output_size`."""
        owner, key = (re.escape(entry.name).encode() for entry in (component, option))
        pattern = rb"""(?:\.|\[["'])%s(?:["']\])?(?:\.|\[["'])%s\b""" % (owner, key)
        return self.project.texts.say(pattern, component.name.encode())

    @cached_property
    def depth(self) -> tuple[int, Place] | None:
        """How many layers the recurrent core has, where the config says a number."""
        core = self.components.get(self.contract.core_component or "")
        if core is None or self.is_composed:
            return None
        inner = [e for o in core.options if o.name == "nn_params" for e in self._entries(o.value, "")]
        for entry in (*core.options, *inner):
            if entry.name == self.contract.depth and isinstance(entry.value, yaml.ScalarNode):
                value = entry.value.value
                return (int(value), entry.place) if value.isdecimal() else None
        return None

    @cached_property
    def twin(self) -> LinkedClass | None:
        """The class that is built under the config's name: a table holds it as `"fast": Fast`."""
        stem = Path(self.path).stem
        name = "".join(word.title() for word in re.split(r"[_-]", stem))
        row = rb"""["'](?:[\w-]+[/.])*%s["']\s*:\s*(?:\w+\.)*%s\b""" % tuple(
            re.escape(word).encode() for word in (stem, name)
        )
        if not self.project.texts.say(row, name.encode()):
            return None
        found = self.project.classes_called(name)
        return found[0] if len(found) == 1 else None

    @cached_property
    def undefined_sources(self) -> tuple[tuple[Component, Entry], ...]:
        """Sources that no component of the config is called, with the component that names them."""
        return tuple(
            (component, source)
            for component in self.components.values()
            for source in component.sources
            if source.name not in self.components and "${" not in source.name
        )

    @cached_property
    def unreached(self) -> tuple[Component, ...]:
        """Components that none of the heads reads, directly or through others."""
        if any("${" in source.name for c in self.components.values() for source in c.sources):
            return ()
        todo = [name for name in self.contract.heads if name in self.components]
        reached: set[str] = set()
        while todo:
            name = todo.pop()
            if name in self.components and name not in reached:
                reached.add(name)
                todo += [source.name for source in self.components[name].sources]
        return tuple(c for c in self.components.values() if c.name not in reached)


# --------------------------------------------------------------------- what constructors take


def takes(cls: LinkedClass, key: str) -> bool | None:
    """Whether a constructor, or one that it hands its keywords on to, names a key."""
    if cls.unknown or cls.is_rebuilt:
        return None
    answers = [None if link is None else key in link for link in _links(cls)]
    if True in answers:
        return True
    return None if None in answers else False


def keys_of(cls: LinkedClass) -> frozenset[str]:
    """The keys that the constructors of a class name."""
    return frozenset(key for link in _links(cls) if link is not None for key in link)


@remembered
def _links(cls: LinkedClass) -> tuple[frozenset[str] | None, ...]:
    return tuple(_chain(cls))


def _chain(cls: LinkedClass) -> Iterator[frozenset[str] | None]:
    """The keys that each constructor on the way of `**kwargs` names; None where the way is lost."""
    found = cls.find("__init__")
    if found is None:
        yield None
        return
    while found is not None:
        function, owner = found
        if function.decorators:
            yield None
        spread = function.parameter("**")
        yield function.accepts | (_literals(function, spread.name) if spread is not None else frozenset())
        if spread is None:
            return
        uses = sum(n == ir.Name(spread.name) for n in function.nodes)
        handed_on = _handed_on(function, spread.name)
        if uses != handed_on + _literal_uses(function, spread.name) or handed_on > 1:
            yield None
        if not handed_on:
            return
        found = cls.find("__init__", after=owner)


def _handed_on(function: ir.FunctionFacts, spread: str) -> int:
    """How often a function hands its keywords to its base's constructor."""
    count = 0
    for node in function.nodes:
        match node:
            case ir.Call(
                function=ir.Attribute(value=ir.Call(function=ir.Name(id="super")), name="__init__"),
                arguments=arguments,
            ):
                count += sum(a.star == "**" and a.value == ir.Name(spread) for a in arguments)
    return count


def _asked(function: ir.FunctionFacts, spread: str) -> Iterator[str]:
    """Keys that a function looks up in its keywords: `"x" in kwargs`, `kwargs.pop("x")`, `kwargs["x"]`."""
    kwargs = ir.Name(spread)
    for node in function.nodes:
        match node:
            case ir.Comparison(
                left=ir.Literal(value=str(key)), operators=("in" | "not in",), rights=(right,)
            ) if right == kwargs:
                yield key
            case ir.Call(
                function=ir.Attribute(value=value, name="pop" | "get" | "setdefault"),
                arguments=(ir.Argument(value=ir.Literal(value=str(key))), *_),
            ) if value == kwargs:
                yield key
            case ir.Subscript(value=value, items=(ir.Literal(value=str(key)),)) if value == kwargs:
                yield key


def _literals(function: ir.FunctionFacts, spread: str) -> frozenset[str]:
    return frozenset(_asked(function, spread))


def _literal_uses(function: ir.FunctionFacts, spread: str) -> int:
    return sum(1 for _ in _asked(function, spread))


def is_dead(cls: LinkedClass, key: str) -> bool:
    """Whether a constructor takes a key that nobody reads: it is not used at all, or kept under a private
    name that the class does not ask for. Public names may be asked for anywhere."""
    if cls.unknown or cls.is_dynamic:
        return False
    for owner in cls.linked:
        function = owner.facts.function("__init__")
        if function is None or key not in function.accepts:
            continue
        uses = sum(n == ir.Name(key) for n in function.nodes)
        kept = [
            t.name
            for n in function.nodes
            if isinstance(n, ir.Assign) and n.value == ir.Name(key)
            for t in n.targets
            if isinstance(t, ir.Attribute) and t.value == ir.Name("self")
        ]
        private = all(name.startswith("_") for name in kept)
        return uses == len(kept) and private and not any(_is_read(name, cls) for name in kept)
    return False


def _is_read(attribute: str, cls: LinkedClass) -> bool:
    """Whether a class, or one of its bases, mentions an attribute other than to give it a value."""
    for owner in cls.linked:
        if any(attribute in _read_in(function) for function in owner.facts.functions):
            return True
    return False


@remembered
def _read_in(function: ir.FunctionFacts) -> frozenset[object]:
    """Attributes that a function mentions other than to give them a value, and its literals."""
    mentions: Counter[str] = Counter()
    literals: set[object] = set()
    for node in function.nodes:
        if isinstance(node, ir.Literal):
            literals.add(node.value)
        elif isinstance(node, ir.Attribute):
            mentions[node.name] += 1
        elif isinstance(node, ir.Assign):
            mentions.subtract(t.name for t in node.targets if isinstance(t, ir.Attribute))
    return frozenset(name for name, count in mentions.items() if count) | literals


def agent_configs(project: Project, path: Path, text: str, contract: Contract) -> Iterator[AgentConfig]:
    """The agent config in a YAML file: one with the contract's heads among its components."""
    try:
        root = yaml.compose(text, Loader=LOADER)
    except yaml.YAMLError:  # not ours to complain of
        return
    if isinstance(root, yaml.MappingNode):
        config = AgentConfig(str(path), project, contract, root)
        if any(head in config.components for head in contract.heads):
            yield config
