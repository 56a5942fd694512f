"""What dicts, lists and tuples hold: what putting in and taking out does."""

from __future__ import annotations

from collections.abc import Iterable

from policyfix.facts import ir
from policyfix.flow.machine import Machine
from policyfix.project import External, LinkedClass
from policyfix.trace import KeyRead, Lookup, Store
from policyfix.values import (
    MAX_ALTERNATIVES,
    NONE,
    UNKNOWN,
    Const,
    Either,
    Group,
    Term,
    Thing,
    Value,
    either,
    group,
    is_module,
    is_tensordict,
    options,
    storage,
    submodules,
)

# What others hold too, or of which nobody sees which part it is.
_OPEN = frozenset({"parameter", "attribute", "module.buffers", "module.named_buffers"})


class Containers(Machine):
    """Values kept in instances and containers, and found there again."""

    def _keep(self, thing: Thing, name: str, value: Value, span: ir.Span, registered: bool = False) -> None:
        self._state.heap.put(thing, name, value)
        self._record(Store(thing, name, value, self._place(span), self._tick(), registered))
        if thing.cls is not None and not thing.cls.is_module and thing is not self._frame.receiver:
            for container in self._outer(thing):
                self._kept_in(container, value, span)

    def _set_item(self, owner: Value, index: Value, value: Value, span: ir.Span) -> None:
        for option in options(owner):
            if isinstance(option, Thing) and option.kind in ("dict", "list"):
                key = index.value if isinstance(index, Const) else None
                self._note_lookup(option, index, span)
                if isinstance(key, str):
                    self._state.heap.put(option, key, value)
                    self._kept_in(option, value, span)
                else:
                    if key is None:
                        self._blur(option, value)
                    self._append(option, value, span)
            elif is_tensordict(option):
                key = index.value if isinstance(index, Const) else None
                written = key if isinstance(key, str) else None
                self._write(option, written, value, span)
            elif isinstance(option, Term):
                self._escape(whose_attributes(option), span)
                if option.op != "each":
                    self._overwrite(option, value, "subscript", span, mask=index)
                self._kept_in(option, value, span)
                if option.op == "each":  # an element of a list is replaced: no tensor is overwritten
                    self._replace(option, self.term("each", either([*options(option.args[0]), value])))
            elif isinstance(option, Group):
                self._replace_item(option, index, value, span)
            else:
                self._escape([value], span)

    def _replace_item(self, old: Group, index: Value, value: Value, span: ir.Span) -> None:
        """`list[index] = value`, for all who hold the list."""
        items = list(old.items)
        at = index.value if isinstance(index, Const) else None
        if isinstance(at, int) and -len(items) <= at < len(items):
            items[at] = value
        else:
            items = [either([item, value]) for item in items]
        self._kept_in(old, value, span)
        self._replace(old, group(items))

    def _change_list(self, old: Group, name: str, positional: list[Value], span: ir.Span) -> None:
        """`list.append(value)` and its kin, for all who hold the list."""
        added = [positional[-1]] if positional and name in ("append", "insert") else []
        more = self._elements(positional[0]) if name == "extend" and positional else None
        if name == "append" and added:
            self._replace(old, group([*old.items, *added]))
        elif more is not None:
            self._replace(old, group([*old.items, *more]))
        elif name in ("insert", "extend", "pop", "remove", "reverse", "sort", "clear"):
            self._replace(old, self.term("each", either([*old.items, *positional])))
        for value in positional if name in ("append", "insert", "extend") else ():
            self._kept_in(old, value, span)

    def _replace(self, old: Value, new: Value) -> None:
        """What is held under any name or attribute becomes another value."""
        for name, held in self._state.names.items():
            if old in options(held):
                self._state.names[name] = either(new if o is old else o for o in options(held))
        for thing, name, held in self._state.heap.holding([old]):
            self._state.heap.put(thing, name, either(new if o is old else o for o in options(held)))

    def _kept_in(self, container: Value, value: Value, span: ir.Span) -> None:
        """Records a store for every instance that holds the container, or the tensor that it is a view of but
        not those that a list of views was made from; a container that came from the caller may be kept by
        them."""
        is_list = isinstance(container, Term) and container.op == "each"
        roots = {container} if is_list else set(storage(container))
        for root in [r for r in roots if isinstance(r, Thing)]:
            roots |= self._outer(root)
        # What was there before tells attributes apart that were built alike: two buffers of zeros.
        told = {root for root in roots if isinstance(root, Term) and root.op == "earlier"} or roots
        for thing, name, _ in self._state.heap.holding(told, at_any_depth=True):
            if thing.kind == "instance":
                self._record(Store(thing, name, value, self._place(span), self._tick()))
        if any(isinstance(r, Term) and r.op in _OPEN for r in roots):
            self._escape([value], span)

    def _outer(self, container: Thing) -> set[Value]:
        """The dicts and lists in which a container is held, at any depth."""
        found: set[Value] = set()
        todo: list[Value] = [container]
        while todo:
            for thing, _, _ in self._state.heap.holding([todo.pop()]):
                if thing.kind != "instance" and thing not in found:
                    found.add(thing)
                    todo.append(thing)
        return found

    def _append(self, container: Thing, value: Value, span: ir.Span) -> None:
        old = self._state.heap.get(container, "*")
        self._state.heap.put(container, "*", value if old is None else either([old, value]))
        self._kept_in(container, value, span)

    def _item(self, owner: Value, index: Value, span: ir.Span | None = None) -> Value:
        """`owner[index]`."""
        if isinstance(owner, Either):
            return either(self._item(o, index, span) for o in owner.options if o != NONE)
        elements = self._elements(owner) if isinstance(owner, Thing) and owner.cls is not None else None
        if elements is not None:
            return self._item(group(elements), index, span)
        match owner:
            case Group(items=items):
                if isinstance(index, Const) and isinstance(index.value, int):
                    in_range = -len(items) <= index.value < len(items)
                    return items[index.value] if in_range else UNKNOWN
                return either(items)
            case Thing(kind="dict" | "list"):
                if isinstance(index, Const) and isinstance(index.value, str):
                    entry = self._state.heap.get(owner, index.value)
                    if entry is not None:
                        return entry
                self._note_lookup(owner, index, span or self._frame.function.span)
                held = self._held(owner, index)
                return either(held) if held else UNKNOWN
            case Term(op="detach", args=(Term(op="core") as made,)):  # all that a core gives under no_grad
                return self.term("detach", self._item(made, index, span))
            case Term():
                if is_tensordict(owner):
                    if isinstance(index, Either) and all(map(_is_key, index.options)):
                        keys = [o for o in index.options if key_under(o) not in self._absent]
                        if not keys:
                            return self._lacking()
                        return either(self._item(owner, key, span) for key in keys)
                    if isinstance(index, Const) and isinstance(index.value, str):
                        if index.value in self._absent:
                            return self._lacking()
                        if span is not None:
                            self._record(KeyRead(owner, index.value, self._place(span), self._tick()))
                        return self.term("item", owner, index)
                    return self.term("td.index", owner, index)
                if (named := self._named_module(owner, index)) is not None:
                    return named
                modules = submodules(owner)
                if modules is not None and isinstance(index, Const) and isinstance(index.value, int):
                    return modules[index.value] if -len(modules) <= index.value < len(modules) else UNKNOWN
                if modules is not None and (part := _slice(index)) is not None:
                    kept = modules[part]
                    held = kept if owner.op == "new:torch.nn.Sequential" else [group(kept)]
                    return self.term(owner.op, owner.args[0], *held)
                return self.term("index", owner, index)
            case _:
                return UNKNOWN

    def _named_module(self, owner: Term, index: Value) -> Value | None:
        """What a `ModuleDict` that was made of a dict holds under a name."""
        match owner, index:
            case Term(op="new:torch.nn.ModuleDict", args=(_, Thing(kind="dict") as named)), Const(
                value=str(name)
            ):
                module = self._state.heap.get(named, name)
                return module if module is not None and is_module(module) else None
            case _:
                return None

    def _lacking(self) -> Value:
        """A `KeyError`: the TensorDict does not have the entry."""
        self._state.alive = False
        self.trace.lacks = True
        return UNKNOWN

    def _note_lookup(self, container: Thing, index: Value, span: ir.Span) -> None:
        if not isinstance(index, Const):
            self._record(Lookup(container, index, self._place(span), self._tick()))

    def _elements(self, value: Value) -> list[Value] | None:
        """The elements of something of known length."""
        if isinstance(value, Group):
            return list(value.items)
        if isinstance(value, Term) and value.op == "zip" and value.args:
            columns = [arg.items for arg in value.args if isinstance(arg, Group)]
            if len(columns) == len(value.args):
                return [group(row) for row in zip(*columns, strict=False)]
        if isinstance(value, Thing) and value.cls is not None and is_named_tuple(value.cls):
            return list(self._state.heap.of(value).values())
        named = self._named_entries(value)
        return submodules(value) if named is None else [Const(name) for name in named]

    def _element(self, value: Value) -> Value:
        """Any element of something that is iterated over."""
        if isinstance(value, Either):
            return either(self._element(o) for o in value.options if o != NONE)  # that raises
        if isinstance(value, Thing) and value.cls is not None:
            elements = self._elements(value)
            return UNKNOWN if elements is None else either(elements)
        match value:
            case Group(items=items):
                return either(items)
            case Thing(kind="list"):
                held = self._state.heap.of(value)
                return either(held.values()) if held else UNKNOWN
            case Thing(kind="dict"):  # its keys
                return self._element(self.term("keys", value))
            case Term(op="each", args=(inner,)):
                return inner
            case Term(op="filter", args=(_, inner)):
                return self._element(inner)
            case Term(op="reversed" | "sorted" | "iter", args=(inner, *_)):
                return self._element(inner)
            case Term(op="itertools.chain", args=(_, *_)):
                return either(map(self._element, value.args))
            case Term(op="range" | "enumerate" | "zip" | "keys"):
                if value.op == "enumerate":
                    return group([self.term("count"), self._element(value.args[0])])
                if value.op == "zip":
                    return group(self._element(a) for a in value.args)
                return self.term("count")
            case Term():
                return self.term("index", value, self.term("count"))
            case _:
                return UNKNOWN

    def _held(self, thing: Thing, index: Value) -> list[Value]:
        """What `thing[index]` may be: under a name only what is kept under it, or under a computed one."""
        names = ("*", index.value) if isinstance(index, Const) and isinstance(index.value, str) else None
        held = self._state.heap.of(thing)
        return [value for name, value in held.items() if names is None or name in names]

    def _entries(self, value: Value) -> dict[str, Value]:
        return {name: held for name, held in self._state.heap.of(value).items() if name != "*"}

    def _named_entries(self, value: Value) -> dict[str, Value] | None:
        """What a dict holds, where all of its keys are known."""
        if not isinstance(value, Thing) or value.kind != "dict":
            return None
        held = self._state.heap.of(value)
        return dict(held) if held and "*" not in held and len(held) <= MAX_ALTERNATIVES else None

    def _unnamed(self, source: Value) -> Iterable[Value]:
        """What a dict, or pairs, may hold under keys that are not known."""
        if isinstance(source, Thing):
            unnamed = self._state.heap.get(source, "*")
            return [] if unnamed is None else [unnamed]
        pairs = self._elements(source) or ([] if source == NONE else [self._element(source)])
        return [self._item(pair, Const(1)) for pair in pairs]

    def _dict_of(self, pairs: list[Value]) -> Thing:
        """A dict with these entries."""
        made = Thing("dict")
        for pair in pairs:
            assert isinstance(pair, Group)
            self._put(made, *pair.items)
        return made

    def _put(self, made: Thing, key: Value, value: Value) -> None:
        """An entry of a new dict; those under keys that are not known are kept as one."""
        name = key_under(key)
        other = self._state.heap.get(made, name) if name == "*" else None
        self._state.heap.put(made, name, value if other is None else either([other, value]))

    def _pour(self, source: Value, target: Thing) -> None:
        """What a dict holds, a new one holds too: `{**source}`, `dict(source)`, `source | other`."""
        held = self._state.heap.of(source)
        if not isinstance(source, Thing) and source != NONE:
            held = {"*": source}
        if "*" in held:
            self._blur(target, held["*"])
        self._state.heap.update(target, held)

    def _blur(self, target: Thing, value: Value) -> None:
        """What is put into a dict under a key that is not known may stand under any that is."""
        for name, held in self._entries(target).items():
            self._state.heap.put(target, name, either([held, value]))

    def _call_container(
        self,
        thing: Thing,
        name: str,
        positional: list[Value],
        keywords: dict[str, Value],
        span: ir.Span,
    ) -> Value:
        if name in ("get", "pop", "setdefault"):
            default = positional[1] if len(positional) > 1 else NONE
            index = positional[0] if positional else UNKNOWN
            known = self._state.heap.get(thing, str(index.value)) if isinstance(index, Const) else None
            if known is not None:
                return known
            self._note_lookup(thing, index, span)
            held = self._held(thing, index)
            if name == "setdefault":
                self._set_item(thing, index, default, span)
            if name == "pop":
                self._kept_in(thing, UNKNOWN, span)
            return either([*held, default])
        if name in ("append", "add", "extend", "insert", "appendleft"):
            self._append(thing, positional[-1] if positional else UNKNOWN, span)
            return NONE
        if name == "update":
            source = positional[0] if positional else NONE
            for value in self._unnamed(source):
                self._blur(thing, value)
                self._append(thing, value, span)
            for key, value in {**self._entries(source), **keywords}.items():
                self._set_item(thing, Const(key), value, span)
            return NONE
        if name == "copy":
            copied = Thing(thing.kind)
            self._state.heap.update(copied, self._state.heap.of(thing))
            return copied
        if name in ("values", "items"):
            named = self._named_entries(thing)
            if named is not None and name == "items":
                return group(group((Const(k), v)) for k, v in named.items())
            element = either(self._state.heap.of(thing).values())
            count = self.term("count")
            return self.term("each", element if name == "values" else group([count, element]))
        if name == "clear":
            self._state.heap.clear(thing)
            return NONE
        if name == "keys":
            return self.term("keys", thing)
        if name == "__getitem__" and positional:
            return self._item(thing, positional[0], span)
        if name == "__setitem__" and len(positional) == 2:
            self._set_item(thing, positional[0], positional[1], span)
            return NONE
        if name not in _LOOKS:  # it may hold other things afterwards
            self._kept_in(thing, UNKNOWN, span)
            self._escape([*positional, *keywords.values()], span)
        return UNKNOWN


# Methods of containers that change nothing.
_LOOKS = frozenset("index count __len__ __contains__ __iter__".split())


def is_named_tuple(cls: LinkedClass) -> bool:
    return External("typing.NamedTuple") in cls.mro


def _slice(index: Value) -> slice | None:
    """The slice that an index is, where its bounds are known."""
    if not isinstance(index, Term) or index.op != "slice":
        return None
    bounds = [part.value for part in index.args if isinstance(part, Const)]
    known = len(bounds) == len(index.args) and all(b is None or isinstance(b, int) for b in bounds)
    return slice(*bounds) if known else None


def _is_key(value: Value) -> bool:
    return isinstance(value, Const) and isinstance(value.value, str)


def key_under(value: Value) -> str:
    return str(value.value) if isinstance(value, Const) and _is_key(value) else "*"


def whose_attributes(value: Term) -> list[Value]:
    """The instance, where a value is its `__dict__`."""
    match value:
        case Term(op="attribute", args=(owner, Const(value="__dict__"))):
            return [owner]
        case _:
            return []
