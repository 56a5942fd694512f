"""An `AgentConfig` is a YAML file that describes a policy as components that name their sources."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import yaml

from policyfix.contract import LOADER, Contract
from policyfix.facts import ir
from policyfix.project import LinkedClass, ModuleRef, Project
from policyfix.record import record
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

    who: ClassVar[str] = "YAML configs of agents"

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
        `config.components._core_.output_size`, or `spec.get("freeze")` where components are built."""
        owner, key = (re.escape(entry.name).encode() for entry in (component, option))
        pattern = rb"""(?:\.|\[["'])%s(?:["']\])?(?:\.|\[["'])%s\b""" % (owner, key)
        read = rb"""\w\s*(?:\.(?:get|pop)\(|\[)\s*["']%s["']|["']%s["']\s+(?:not\s+)?in\b""" % (key, key)
        texts = self.project.texts
        return texts.say(pattern, component.name.encode()) or texts.others_say(
            self.path, ("_target_", option.name), read
        )

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
        """The class that is built under the config's name: a table holds it as `"fast": Fast`, `fast=Fast` or
        `"fast": FastAgent`, or a decorator registers it, `@register("fast")`."""
        stem = Path(self.path).stem
        called = "".join(word.title() for word in re.split(r"[_-]", stem))
        for name in (called, f"{called}Agent", f"{called}Policy"):
            if self.project.texts.say(_row(stem.encode(), name.encode()), name.encode()):
                found = self.project.classes_called(name)
                return found[0] if len(found) == 1 else None
        return None

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


def _row(stem: bytes, name: bytes) -> bytes:
    """A pattern of the places where a name in configs is given a class."""
    stem, name = re.escape(stem), re.escape(name)
    return b"|".join(
        (
            rb"""["'](?:[\w-]+[/.])*%s["']\s*:\s*(?:\w+\.)*%s\b""" % (stem, name),
            rb"""[(,\s]%s=(?:\w+\.)*%s\s*[,)]""" % (stem, name),
            rb"""@[\w.]+\(["']%s["'].*\s+class %s\b""" % (stem, name),
        )
    )


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
