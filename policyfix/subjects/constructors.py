"""Which keywords the constructors of a class take, hand on to others, and read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from policyfix.facts import ir
from policyfix.project import Found, LinkedClass
from policyfix.remembered import remembered


def reaches(
    name: str, constructor: Found, cls: LinkedClass, asked: frozenset[ir.FunctionFacts]
) -> bool | None:
    """Whether a keyword reaches somebody who takes it: yes, no, or unknown (None). `asked` is on the way."""
    function, owner = constructor
    if function in asked or function.decorators:
        return None
    asked |= {function}
    if name in function.accepts:
        return True
    spread = function.parameter("**")
    if spread is None:
        return False
    answers = list(_uses(spread.name, function.body, name, owner, cls, asked))
    if True in answers:
        return True
    return None if None in answers else False


def _uses(
    spread: str,
    body: tuple[ir.Stmt, ...],
    name: str,
    owner: LinkedClass,
    cls: LinkedClass,
    asked: frozenset[ir.FunctionFacts],
) -> Iterator[bool | None]:
    """For every use of `**kwargs` in a function body: whether the keyword reaches somebody through it."""
    handed_on: set[int] = set()
    looked_up = {id(kwargs): key for kwargs, key in _lookups(body, spread)}
    for node in ir.nodes(body):
        if isinstance(node, ir.Call):
            forwards = [a.value for a in node.arguments if a.star == "**" and a.value == ir.Name(spread)]
            if forwards:
                handed_on |= {id(value) for value in forwards}
                yield _receives(name, node, owner, cls, asked)
        elif node == ir.Name(spread) and id(node) not in handed_on:
            # Iterated over, or handed to a helper: somebody looks at it. What a base takes, and is not given,
            # is another matter.
            base = cls.find("__init__", after=owner)
            yield looked_up.get(id(node), name) == name or (
                base is not None and reaches(name, base, cls, asked) is True
            )


def _receives(
    name: str, call: ir.Call, owner: LinkedClass, cls: LinkedClass, asked: frozenset[ir.FunctionFacts]
) -> bool | None:
    """Whether the callee of `f(..., **kwargs)` takes a keyword."""
    match call.function:
        case ir.Attribute(value=ir.Call(function=ir.Name(id="super")), name="__init__"):
            base = cls.find("__init__", after=owner)
            if base is not None:
                return reaches(name, base, cls, asked)
            return None if cls.unknown else False
        case ir.Attribute(value=base_expr, name="__init__") if isinstance(
            base_class := owner.module.resolve(base_expr), LinkedClass
        ):
            inner = base_class.find("__init__")
            return None if inner is None else reaches(name, inner, cls, asked)
        case ir.Attribute(value=ir.Name(), name=method) if (found := cls.find(method)) is not None:
            return reaches(name, found, cls, asked)
        case _:
            symbol = owner.module.resolve(call.function)
            if isinstance(symbol, LinkedClass):
                inner = symbol.find("__init__")
                if inner is not None:
                    return reaches(name, inner, symbol, asked)
                if name in symbol.fields:
                    return True
                return False if symbol.is_dataclass and not symbol.unknown else None
            return None


def asks_for(name: str, constructor: ir.FunctionFacts | None) -> bool:
    """Whether a constructor reads `config.name` or `config["name"]` from something that it was given."""
    if constructor is None:
        return False
    receiver = {ir.Name(p.name) for p in constructor.parameters[:1]}
    return any(
        node == ir.Literal(name)
        or (isinstance(node, ir.Attribute) and node.name == name and node.value not in receiver)
        for node in constructor.nodes
    )


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
        yield function.accepts | frozenset(_asked(function, spread.name) if spread is not None else ())
        if spread is None:
            return
        uses = sum(n == ir.Name(spread.name) for n in function.nodes)
        handed_on = _handed_on(function, spread.name)
        if uses != handed_on + len(_asked(function, spread.name)) or handed_on > 1:
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


def _asked(function: ir.FunctionFacts, spread: str) -> list[str]:
    """Keys that a function looks up in its keywords."""
    return [key for _, key in _lookups(function.body, spread)]


def _lookups(body: tuple[ir.Stmt, ...], spread: str) -> Iterator[tuple[ir.Expr, str]]:
    """The places where a function asks its keywords for a key, and the key: `"x" in kwargs`,
    `kwargs.pop("x")`, `kwargs["x"]`."""
    kwargs = ir.Name(spread)
    for node in ir.nodes(body):
        match node:
            case ir.Comparison(
                left=ir.Literal(value=str(key)), operators=("in" | "not in",), rights=(right,)
            ) if right == kwargs:
                yield right, key
            case ir.Call(
                function=ir.Attribute(value=value, name="pop" | "get" | "setdefault"),
                arguments=(ir.Argument(value=ir.Literal(value=str(key))), *_),
            ) if value == kwargs:
                yield value, key
            case ir.Subscript(value=value, items=(ir.Literal(value=str(key)),)) if value == kwargs:
                yield value, key


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
