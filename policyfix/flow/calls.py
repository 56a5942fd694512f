"""Calls that lead into no code of the project: what torch, TensorDicts, tensors and builtins do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from policyfix.facts import ir
from policyfix.flow.containers import Containers, key_under, whose_attributes
from policyfix.project import External
from policyfix.trace import CoreCall, KeyWrite
from policyfix.values import (
    CORES,
    MODULE_CONTAINERS,
    NONE,
    TENSORDICTS,
    UNKNOWN,
    VIEWS,
    Const,
    Either,
    Group,
    Method,
    Ref,
    Term,
    Thing,
    Value,
    either,
    group,
    is_module,
    is_tensordict,
    options,
    submodules,
)

# Methods of a TensorDict that write nothing into it and give a TensorDict over the same entries.
TENSORDICT_VIEWS = frozenset(
    "reshape view flatten unflatten unsqueeze squeeze permute transpose to clone copy select exclude "
    "expand detach contiguous cpu cuda flatten_keys unflatten_keys".split()
)
TENSORDICT_READS = frozenset(
    "keys items values numel dim size ndimension batch_dims batch_size device is_empty shape names "
    "to_dict is_locked dtype ndim __contains__".split()
)
# Those that leave entries out.
_CHOOSING = frozenset("td.select td.exclude td.index".split())
# Methods that change which modules a container of modules holds.
CHANGING = frozenset("append extend insert add_module register_module pop __setitem__".split())
# Packages whose functions neither keep nor change the tensors that they are given (in-place spellings apart).
PURE_PACKAGES = frozenset(
    "torch einops numpy np math logging warnings typing copy itertools functools operator gymnasium "
    "gym collections dataclasses time os re jaxtyping torchvision".split()
)
# Packages and builtins that may be given a TensorDict and write nothing into it.
_ONLY_ASKING = frozenset("torch einops len isinstance print repr str id".split())
# Functions that are read as the methods of the same name.
_AS_METHODS = frozenset("torch.detach torch.unbind torch.chunk torch.split".split())
# Methods of a dict that change nothing.
_ONLY_READING = frozenset("get keys values items copy".split())


class Calls(Containers, ABC):
    """What is known of code that is not read. Who goes through the project's code says what that does."""

    @abstractmethod
    def _apply(
        self,
        callee: Value,
        positional: list[Value],
        keywords: dict[str, Value],
        spread: bool,
        node: ir.Call,
    ) -> Value:
        """A call of any value."""

    @abstractmethod
    def _get_attribute(self, owner: Value, name: str) -> Value:
        """`owner.name`."""

    @abstractmethod
    def _uncalled(self, attribute: Value) -> Value:
        """An attribute that is not called."""

    @abstractmethod
    def _set_attribute(self, owner: Value, name: str, value: Value, span: ir.Span) -> None:
        """`owner.name = value`."""

    def _written(self, td: Value) -> list[tuple[str | None, Value]]:
        """What was written into a TensorDict that the run has made: nothing where it is another one."""
        whole = td
        while isinstance(whole, Term) and whole.op.startswith("td.") and whole.op not in _CHOOSING:
            whole = whole.args[0]
        if not isinstance(whole, Term) or not whole.op.startswith("new:"):
            return []
        writes = [e for e in self.trace.events if isinstance(e, KeyWrite) and e.tensordict is whole]
        return [(e.key, e.value if whole is td else self.term("entry", e.value)) for e in writes]

    def _lengthen(self, container: Term, name: str, positional: list[Value]) -> None:
        """`modules.append(module)`: the container holds one more; which ones is no longer known where it is
        changed otherwise."""
        tick, *rest = container.args
        held = submodules(container)
        if held is None or name != "append":
            there = [self._element(a) for a in rest] if container.op.endswith("List") else rest
            new = self.term(container.op, tick, self.term("each", either([*there, *positional])))
        elif container.op.endswith("List"):
            new = self.term(container.op, tick, group([*held, *positional]))
        else:
            new = self.term(container.op, tick, *held, *positional)
        self._replace(container, new)

    def _held_modules(self, callee: Term) -> list[Value] | None:
        """The modules behind an element of a `ModuleList` whose place in it is not known."""
        container = callee.args[0] if callee.op == "index" else None
        if not isinstance(container, Term) or container.op != "new:torch.nn.ModuleList":
            return None
        held = [o for a in container.args[1:] for o in options(self._element(a))]
        return held if all(is_module(m) for m in held) else None

    def _applied(self, function: Value, argument: Value, span: ir.Span) -> Value:
        """What a function gives that other code calls."""
        return self._apply(function, [argument], {}, False, ir.Call(ir.Opaque(), (), span))

    def _visit(self, owner: Value, function: Value, span: ir.Span) -> Value:
        """`module.apply(function)`: the function is called with every module in it."""
        element = self._element(self.term("module.modules", owner))
        self._applied(function, element, span)
        return owner

    def _call_module(
        self, module: Term, positional: list[Value], keywords: dict[str, Value], span: ir.Span
    ) -> Value:
        """A torch module applied to its input."""
        kind = module.op.removeprefix("new:")
        arguments = [*positional, *keywords.values()]
        if kind in CORES:
            given = positional[0] if positional else keywords.get("input", UNKNOWN)
            state = positional[1] if len(positional) > 1 else keywords.get("hx", NONE)
            result = self.term("core", module, given, state, Const(self._tick()))
            self._record(CoreCall(module, given, state, result, self._place(span), self._tick()))
            return self.term("detach", result) if self._no_grad else result
        if any(is_tensordict(a) for a in arguments):
            self._escape(arguments, span)
        children = submodules(module) if kind == "torch.nn.Sequential" and len(positional) == 1 else None
        if children and not keywords:
            passed = positional[0]
            for child in children:
                passed = self._applied(child, passed, span)
            return passed
        return self.term("module", module, *arguments)

    def _call_external(
        self, name: str, positional: list[Value], keywords: dict[str, Value], span: ir.Span
    ) -> Value:
        arguments = [*positional, *keywords.values()]
        prefix, _, short = name.rpartition(".")
        if positional and (prefix == "torch.Tensor" or name in _AS_METHODS):
            return self._call_method(positional[0], short, positional[1:], keywords, span)
        special = _BUILTIN_CALLS.get(name)
        if special is not None:
            return special(self, positional, keywords, span)
        if name.startswith("torch.nn.") and name.rpartition(".")[2][:1].isupper():
            given = [p for p in positional if not self._is_empty(p)]
            return self.term(f"new:{name}", Const(self._tick()), *given, *self._named(keywords))
        if name in TENSORDICTS:
            size = positional[1:2] or [keywords[n] for n in ("batch_size",) if n in keywords]
            created = self.term("new:tensordict.TensorDict", Const(self._tick()), *size)
            source = positional[0] if positional else keywords.get("source", NONE)
            for key, value in self._entries(source).items():
                self._write(created, key, value, span)
            for value in self._unnamed(source):
                self._write(created, None, value, span)
            return created
        package = name.partition(".")[0]
        if package not in PURE_PACKAGES and "." in name:
            self._leave(Ref(External(name)), arguments, span)
            return UNKNOWN
        overwritten = [keywords["out"]] if "out" in keywords else []
        in_place = short.endswith("_") and not short.endswith("__") and not short.startswith("clip_grad_")
        if in_place and positional:
            positional = [self._uncalled(positional[0]), *positional[1:]]
            arguments = [*positional, *keywords.values()]
        if positional and (in_place or keywords.get("inplace") == Const(True)):
            overwritten.append(positional[0])
        named = self._named(keywords)
        for target in overwritten:
            rest = [*positional[1:], *named] if target in positional else [*positional, *named]
            self._overwrite(target, UNKNOWN, "method", span, operation=short, arguments=rest)
        if any(is_tensordict(a) for a in arguments) and package not in _ONLY_ASKING:
            self._escape([a for a in arguments if is_tensordict(a)], span)
        result = self._told(self.term(name, *positional, *named))
        if self._no_grad:
            result = self.term("detach", result)
        return self._called(name, [*positional, *named], result, span)

    def _told(self, asked: Term) -> Value:
        """The number that answers a question about a shape where the caller settles it, else the question."""
        constant = self.shapes.constant(asked)
        return asked if constant is None else Const(constant)

    def _is_empty(self, value: Value) -> bool:
        """Whether a value is a list that nothing was put into."""
        return isinstance(value, Thing) and value.kind == "list" and "*" not in self._state.heap.of(value)

    def _named(self, keywords: dict[str, Value]) -> list[Value]:
        """Keyword arguments as terms that keep their names."""
        return [self.term(f"={name}", value) for name, value in keywords.items()]

    def _call_method(
        self,
        receiver: Value,
        name: str,
        positional: list[Value],
        keywords: dict[str, Value],
        span: ir.Span,
    ) -> Value:
        if isinstance(receiver, Either):
            there = [o for o in receiver.options if o != NONE]  # that raises
            return either(self._call_method(o, name, positional, keywords, span) for o in there)
        if isinstance(receiver, Thing):
            return self._call_container(receiver, name, positional, keywords, span)
        if is_tensordict(receiver):
            assert isinstance(receiver, Term)
            return self._call_tensordict(receiver, name, positional, keywords, span)
        if isinstance(receiver, Term) and receiver.op.startswith("new:") and name == "forward":
            return self._call_module(receiver, positional, keywords, span)
        if isinstance(receiver, Term) and receiver.op in MODULE_CONTAINERS and name in CHANGING:
            self._lengthen(receiver, name, positional)
            return NONE
        extra = [*positional, *self._named(keywords)]
        if isinstance(receiver, Term):
            arguments = [*positional, *keywords.values()]
            if name == "apply" and receiver.op.startswith("new:torch.nn.") and positional:
                return self._visit(receiver, positional[0], span)
            if _is_foreign(receiver):
                if name not in _ONLY_READING:
                    self._escape(whose_attributes(receiver), span)
                self._leave(Method(receiver, name), arguments, span)
            elif any(is_tensordict(a) for a in arguments):
                self._escape(arguments, span)
            if name.endswith("_") and not name.endswith("__") and name != "requires_grad_":
                value = positional[0] if positional else UNKNOWN
                mask = positional[0] if name.startswith("masked_fill") and positional else None
                if mask is not None:
                    value = positional[1] if len(positional) > 1 else keywords.get("value", UNKNOWN)
                self._overwrite(receiver, value, "method", span, mask, name, extra)
                for argument in positional:
                    if isinstance(argument, (Term, Group, Either)):
                        self._kept_in(receiver, argument, span)
                if name == "detach_":
                    detached = self.term("detach", receiver)
                    self._replace(receiver, detached)
                    return detached
                return receiver
            if name in ("chunk", "split", "unbind"):
                return self.term("each", self.term(f"{name}", receiver, *extra))
            result = self._told(self.term(name, receiver, *extra))
            if self._no_grad and name not in VIEWS:
                result = self.term("detach", result)
            return self._called(f".{name}", [receiver, *extra], result, span)
        if isinstance(receiver, Group):
            self._change_list(receiver, name, positional, span)
            return UNKNOWN
        if isinstance(receiver, Const):
            if receiver == NONE and self._absent:  # of what `get` did not find: that raises
                self._state.alive = False
            return UNKNOWN
        self._leave(Method(receiver, name), [*positional, *keywords.values()], span)
        return UNKNOWN

    def _call_tensordict(
        self, td: Term, name: str, positional: list[Value], keywords: dict[str, Value], span: ir.Span
    ) -> Value:
        arguments = [*positional, *keywords.values()]
        if name in ("set", "set_", "set_at_", "set_non_tensor", "setdefault"):
            key = positional[0] if positional else keywords.get("key", UNKNOWN)
            value = positional[1] if len(positional) > 1 else keywords.get("item", UNKNOWN)
            written = key.value if isinstance(key, Const) and isinstance(key.value, str) else None
            self._write(td, written, value, span)
            return td
        if name in ("update", "update_"):
            source = positional[0] if positional else NONE
            if isinstance(source, Thing):
                if "*" in self._state.heap.of(source):
                    self._write(td, None, UNKNOWN, span)
                for name, value in self._entries(source).items():
                    self._write(td, name, value, span)
            else:
                for entry, value in self._written(source) or [(None, source)]:
                    self._write(td, entry, value, span)
            return td
        if name == "get":
            key = positional[0] if positional else keywords.get("key", UNKNOWN)
            default = positional[1] if len(positional) > 1 else keywords.get("default", NONE)
            if isinstance(key, Either):
                found = (self._call_tensordict(td, name, [o, default], {}, span) for o in key.options)
                return either(found)
            if isinstance(key, Const) and key.value in self._absent:
                return default
            item = self._item(td, key, span)
            return either([item, default]) if isinstance(item, Term) else UNKNOWN
        if name in TENSORDICT_VIEWS:
            return self.term(f"td.{name}", td, *arguments)
        if name in TENSORDICT_READS:
            return self._told(self.term(f"tensordict.{name}", td, *arguments))
        self._escape([td, *arguments], span)
        return UNKNOWN


def _is_foreign(value: Term) -> bool:
    """Whether a value was not computed here: a parameter, an attribute that somebody else set, or a part of
    one. It need not be a tensor, and its methods may keep what they are given."""
    while isinstance(inner := value.args[0] if value.args else None, Term):
        value = inner
    return value.op in ("attribute", "parameter", "env", "keywords")


# ------------------------------------------------------------------------------------- builtin calls

Builtin = Callable[[Calls, list[Value], dict[str, Value], ir.Span], Value]


def _getattr(run: Calls, positional: list[Value], _keywords: dict[str, Value], _span: ir.Span) -> Value:
    if len(positional) < 2:
        return UNKNOWN
    owner, key = positional[:2]
    if not isinstance(key, Const):
        return _computed(run, owner)
    held = run._get_attribute(owner, str(key.value))
    default = positional[2:3]
    missing = isinstance(held, Term) and held.op == "attribute"
    return either([held, *default]) if missing and default else held


def _computed(run: Calls, owner: Value) -> Value:
    """An attribute under a computed name: what was registered so, or `f"bias_hh_l{layer}"` of a layer."""
    match owner:
        case Thing(kind="instance"):
            return run._state.heap.of(owner).get("*", UNKNOWN)
        case Term(op=op) if op.startswith("new:torch.nn."):
            return run._element(run.term("module.parameters", owner))
        case _:
            return UNKNOWN


def _setattr(run: Calls, positional: list[Value], _keywords: dict[str, Value], span: ir.Span) -> Value:
    if len(positional) == 3 and isinstance(positional[1], Const):
        run._set_attribute(positional[0], str(positional[1].value), positional[2], span)
    elif (
        len(positional) == 3
        and isinstance(positional[0], Term)
        and positional[0].op.startswith(("new:", "module."))
    ):
        run._set_attribute(positional[0], "*", positional[2], span)  # a module's, whichever it is
    else:
        run._escape(positional, span)
    return NONE


def _hasattr(run: Calls, positional: list[Value], _keywords: dict[str, Value], _span: ir.Span) -> Value:
    owner = positional[0] if positional else UNKNOWN
    if isinstance(owner, Thing) and owner.cls is not None and len(positional) > 1:
        held = run._get_attribute(owner, key_under(positional[1]))
        if not (isinstance(held, Term) and held.op == "attribute"):
            return Const(True)
    return UNKNOWN


def _as_group(run: Calls, positional: list[Value], _keywords: dict[str, Value], _span: ir.Span) -> Value:
    if positional and isinstance(positional[0], Either):
        return either(_as_group(run, [o], {}, _span) for o in positional[0].options if o != NONE)
    elements = run._elements(positional[0]) if positional else []
    if elements is not None:
        return group(elements)
    if isinstance(positional[0], Thing):  # another container with the same elements
        copied = Thing("list")
        run._state.heap.put(copied, "*", run._element(positional[0]))
        return copied
    return positional[0]


def _as_list(run: Calls, positional: list[Value], keywords: dict[str, Value], span: ir.Span) -> Value:
    """A list of what something holds: of a tensor, its parts, so that one can be put in another's place."""
    if positional and any(_is_part_of_tensor(option) for option in options(positional[0])):
        return run.term("each", run._element(positional[0]))
    return _as_group(run, positional, keywords, span)


def _is_part_of_tensor(value: Value) -> bool:
    """`x.transpose(0, 1)`, `table[:, rows]`."""
    if not isinstance(value, Term):
        return False
    return value.op in VIEWS or (value.op == "index" and isinstance(value.args[1], Group))


def _decided_by(name: str, decisive: bool) -> Builtin:
    """`all` is decided by one that is false, `any` by one that is true."""

    def call(run: Calls, positional: list[Value], _keywords: dict[str, Value], span: ir.Span) -> Value:
        asked = run._elements(positional[0]) if positional else None
        known = [bool(item.value) for item in asked or () if isinstance(item, Const)]
        if decisive in known:
            return Const(decisive)
        if asked is not None and len(known) == len(asked):
            return Const(not decisive)
        return run._called(name, positional, run.term(name, *positional), span)

    return call


def _vars(run: Calls, positional: list[Value], _keywords: dict[str, Value], _span: ir.Span) -> Value:
    return run.term("attribute", positional[0], Const("__dict__")) if positional else UNKNOWN


def _type(run: Calls, positional: list[Value], _keywords: dict[str, Value], _span: ir.Span) -> Value:
    match positional:
        case [Thing(kind="instance", cls=cls)] if cls is not None:
            return Ref(cls)
        case _:
            return run.term("type", *positional)


def _new_dict(run: Calls, positional: list[Value], keywords: dict[str, Value], _span: ir.Span) -> Value:
    thing = Thing("dict")
    source = positional[0] if positional else NONE
    if isinstance(source, Thing):
        run._pour(source, thing)
    else:
        for value in run._unnamed(source):
            run._put(thing, UNKNOWN, value)
    run._state.heap.update(thing, keywords)
    return thing


def _map(run: Calls, positional: list[Value], _keywords: dict[str, Value], span: ir.Span) -> Value:
    if len(positional) != 2:
        run._escape(positional, span)
        return UNKNOWN
    function, source = positional
    elements = run._elements(source)
    if elements is not None:
        return group(run._applied(function, element, span) for element in elements)
    return run.term("each", run._applied(function, run._element(source), span))


def _setitem(run: Calls, positional: list[Value], _keywords: dict[str, Value], span: ir.Span) -> Value:
    if len(positional) == 3:
        owner, index, value = positional
        run._set_item(owner, index, value, span)
    return NONE


def _tree_map(run: Calls, positional: list[Value], keywords: dict[str, Value], span: ir.Span) -> Value:
    """A function of every leaf of nested tuples, lists and dicts."""
    if len(positional) != 2:
        run._escape([*positional, *keywords.values()], span)
        return UNKNOWN
    function, tree = positional
    if isinstance(tree, Group):
        return group(_tree_map(run, [function, item], keywords, span) for item in tree.items)
    if isinstance(tree, Thing) and tree.cls is None:
        mapped = Thing(tree.kind)
        for name, held in list(run._state.heap.of(tree).items()):
            run._state.heap.put(mapped, name, _tree_map(run, [function, held], keywords, span))
        return mapped
    if isinstance(tree, Either):
        return either(_tree_map(run, [function, option], keywords, span) for option in tree.options)
    if tree == NONE:
        return NONE
    return run._applied(function, tree, span)


def _copy(run: Calls, positional: list[Value], _keywords: dict[str, Value], _span: ir.Span) -> Value:
    """A copy of an object or a container; of anything else, the value."""
    source = positional[0] if positional else UNKNOWN
    if not isinstance(source, Thing) or (source.cls is not None and source.cls.is_module):
        return source
    copied = Thing(source.kind, source.cls)
    run._pour(source, copied)
    return copied


def with_fields(run: Calls, positional: list[Value], keywords: dict[str, Value], span: ir.Span) -> Value:
    """`dataclasses.replace(object, field=value)`."""
    copied = _copy(run, positional, {}, span)
    if not isinstance(copied, Thing):
        run._escape([*positional, *keywords.values()], span)
        return UNKNOWN
    run._state.heap.update(copied, keywords)
    return copied


def _new_namespace(run: Calls, positional: list[Value], keywords: dict[str, Value], span: ir.Span) -> Value:
    """`SimpleNamespace(field=value)`: an object that is what is put into it."""
    made = Thing("instance")
    for value in positional:
        run._pour(value, made)
    run._state.heap.update(made, keywords)
    return made


def _iterated(name: str) -> Builtin:
    def call(run: Calls, positional: list[Value], _keywords: dict[str, Value], _span: ir.Span) -> Value:
        return run.term(name, *positional)

    return call


_BUILTIN_CALLS: dict[str, Builtin] = {
    "getattr": _getattr,
    "setattr": _setattr,
    "object.__setattr__": _setattr,
    "hasattr": _hasattr,
    "type": _type,
    "vars": _vars,
    "tuple": _as_group,
    "list": _as_list,
    "dict": _new_dict,
    "collections.defaultdict": lambda run, *_: Thing("dict"),
    "collections.OrderedDict": _new_dict,
    "collections.deque": lambda run, *_: Thing("list"),
    "types.SimpleNamespace": _new_namespace,
    "argparse.Namespace": _new_namespace,
    "all": _decided_by("all", False),
    "any": _decided_by("any", True),
    "map": _map,
    "operator.setitem": _setitem,
    "dataclasses.replace": lambda run, positional, keywords, span: either(
        with_fields(run, [option], keywords, span) for option in options(positional[0])
    ),
    "torch.utils._pytree.tree_map": _tree_map,
    "optree.tree_map": _tree_map,
    "tree.map_structure": _tree_map,
    "range": _iterated("range"),
    "enumerate": _iterated("enumerate"),
    "zip": _iterated("zip"),
    "typing.cast": lambda run, positional, *_: positional[1] if len(positional) > 1 else UNKNOWN,
}
