"""The class graph of a tree, from class headers alone: cheap, and enough to know which files can matter.

Headers are found by a scan over bytes, and bases are compared by their last name, so the graph holds too many
edges rather than too few. A file can matter where one of its classes may reach `nn.Module` and the class, one
of its bases, or what their modules assign, speaks of a recurrent core, of the contract's observation, or of a
table with a padding row that it draws.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from functools import cache
from pathlib import Path

from policyfix.contract import Contract
from policyfix.record import record

KNOWLEDGE = Path(__file__).with_name("knowledge")  # stubs of what is known of other people's classes

# Lines are looked for by the newline before them, and the text gets one in front: to find a byte takes a
# quarter of the time that it takes to ask at every place whether a line starts there.
_CLASS = re.compile(
    rb"\n[ \t]*+class[ \t]+(\w+)[ \t]*(?:\[[^\]]*\][ \t]*)?"  # name, type parameters
    rb"\(((?:[^()#]|#[^\n]*|\([^()]*\))*+)\)[ \t]*:"  # bases, comments and calls among them
)
_ANY_CLASS = re.compile(rb"\n[ \t]*+class[ \t]+(\w+)")
_FROM_IMPORT = re.compile(rb"\n[ \t]*+from[ \t]+([.\w]+)[ \t]+import[ \t]*(\([^)]*\)|[^\n#]+)")
_IMPORT = re.compile(rb"\n[ \t]*+import[ \t]+([^\n#;]+)")
_TOP_IMPORT = re.compile(rb"\nimport[ \t]+([^\n#;]+)")
_RENAMED = re.compile(rb"\n[ \t]*+(\w++)[ \t]*+=[ \t]*+([A-Za-z_][\w.]*+)[ \t]*+(?=[#\r\n]|\Z)")
_TOP = re.compile(rb"\n(?=class\b|(?:async[ \t]+)?def\b|@|\w)")  # where a statement of the module starts
# A name for a mapping or a list.
_TABLE = re.compile(rb"\n(\w+)[ \t]*(?::[^=\n]*)?=[ \t]*(?:dict\(|[{\[(])")
_ALIAS_OF_MODULE = re.compile(rb"([\w.]+)[ \t]+as[ \t]+(\w+)")
_ALIAS = re.compile(rb"(\w+)[ \t]+as[ \t]+(\w+)")
_NAME = re.compile(rb"[A-Za-z_][\w.]*")
_CORE_WORDS = (b"LSTM", b"GRU", b"RNN")
# Initialisers that draw a whole weight.
DRAWING = frozenset(
    "normal_ uniform_ trunc_normal_ xavier_uniform_ xavier_normal_ kaiming_uniform_ kaiming_normal_ "
    "orthogonal_".split()
)
# A table with a padding row, and an initialiser soon after: in one function, that is.
_PADDED = re.compile(rb"\bpadding_idx[ \t]*=(?s:.{1,400}?)\b(?:%s)\(" % "|".join(sorted(DRAWING)).encode())
_IMPORTED_CORE = re.compile(rb"\b(?:LSTM|GRU|RNN)(?:Cell)?\b|\*")


@record()
class Headers:
    """What the headers of one file say. `bases` are last names; `imports` tell where names come from."""

    classes: tuple[tuple[bytes, tuple[bytes, ...]], ...]
    aliases: tuple[tuple[bytes, bytes], ...]
    imports: tuple[tuple[bytes, bytes], ...]  # (module, names) as written
    whole: bytes  # modules that it imports at its top level, as written
    # Classes that speak of a recurrent core, of the observation, or of a padding row that is drawn.
    speaking: frozenset[bytes]


def scan(data: bytes, observation_key: str) -> Headers:
    """Headers of one file, from its bytes."""
    data = b"\n" + data
    headers = list(_CLASS.finditer(data)) if b"class" in data else []
    if any(map(_is_indented, headers)):
        headers = _not_in_functions(data, headers)
    written = [(header[1], _NAME.findall(header[2])) for header in headers]
    classes = tuple((name, tuple(b.rpartition(b".")[2] for b in bases)) for name, bases in written)
    imported = _FROM_IMPORT.findall(data)
    whole = b",".join(_TOP_IMPORT.findall(data))
    aliases = [(new, old) for _, names in imported if b" as " in names for old, new in _ALIAS.findall(names)]
    if not classes:  # it may still hand on what others define
        return Headers((), tuple(aliases), tuple(imported), whole, frozenset())
    aliases += [(new, old.rpartition(b".")[2]) for new, old in _RENAMED.findall(data)]
    dotted = {base for _, bases in written for base in bases if b"." in base}
    through = _through_modules(dotted, imported, _IMPORT.findall(data)) if dotted else ()
    imports = (*imported, *through)
    speaking: frozenset[bytes] = frozenset()
    if any(word in data for word in (observation_key.encode(), *_CORE_WORDS)):
        # As an attribute or a string; alone only where an import brings the name: prose speaks of LSTMs too.
        bare = any(_IMPORTED_CORE.search(names) for _, names in imported)
        word = re.compile(
            rb"%s(?:LSTM|GRU|RNN)(?:Cell)?\b|\b%s\b"
            % (rb"\b" if bare else rb"[.'\"]", re.escape(observation_key.encode()))
        )
        speaking = _speaking(data, headers, word)
    if b"padding_idx" in data and _PADDED.search(data):
        speaking |= _speaking(data, headers, _PADDED)
    return Headers(classes, tuple(aliases), imports, whole, speaking)


def _statements(data: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of the statements of the module, roughly: compound ones with all that they hold."""
    start, quotes = 0, 0
    for end in [*(m.end() for m in _TOP.finditer(data)), len(data)]:
        quotes += data.count(b'"""', start, end) + data.count(b"'''", start, end)
        if quotes % 2 and end < len(data):
            continue  # still inside of a string
        yield start, end
        start, quotes = end, 0


def _not_in_functions(data: bytes, headers: list[re.Match[bytes]]) -> list[re.Match[bytes]]:
    """Without the classes that functions make for themselves: nobody else can name them."""
    functions = [
        range(*place) for place in _statements(data) if data.startswith((b"def", b"async"), place[0])
    ]
    return [h for h in headers if not _is_indented(h) or not any(h.start(1) in f for f in functions)]


def _is_indented(header: re.Match[bytes]) -> bool:
    return header[0][1:2] in b" \t"


def _speaking(data: bytes, headers: list[re.Match[bytes]], word: re.Pattern[bytes]) -> frozenset[bytes]:
    """Classes that hold such a word, between their header and the next statement of the module. What the
    module itself says, outside of classes and functions, all of its classes say."""
    spoken: list[range] = []
    for start, end in _statements(data):
        if word.search(data, start, end):
            if not data.startswith((b"class", b"def", b"async", b"@", b"import", b"from"), start):
                return frozenset(header[1] for header in headers)
            spoken.append(range(start, end))
    return frozenset(h[1] for h in headers if any(h.start(1) in statement for statement in spoken))


# A method that writes into what a name, or a pair of names, picks: never a slice, a key or a number.
_WRITES_TO_ROWS = re.compile(
    rb"\[[A-Za-z_][\w., ]*\](?:\[[^\]\n]*\])?\.(update|(?:update|set|copy|zero|fill)_)\("
)

# Rows of what an object keeps, written to in place.
_RESETS_ROWS = re.compile(rb"self\.\w+\[[A-Za-z_]\w*\]\.(?:zero|fill|copy|mul)_\(")


def trains(data: bytes, contract: Contract) -> bool:
    """Whether a file may hold code around a policy: a trainer, or a buffer of what it trains on."""
    if b"torch" not in data and b"tensordict" not in data:
        return False
    if b"TensorDict" in data:
        written = set(_WRITES_TO_ROWS.findall(data))
        keys = (*contract.boundary_keys, *contract.rollout_outputs, contract.reward_key)
        if b"update_" in written or (written and any(b'"%s"' % key.encode() in data for key in keys)):
            return True
    if all(_quotes(data, key) for key in contract.advantage_keys) or _RESETS_ROWS.search(data):
        return True
    spoken = (
        contract.environment_key,
        contract.clip_method + "(",
        "reset_memory(",
        f'"{contract.observation_key}"',
    )
    return any(word.encode() in data for word in spoken) and any(
        word in data for word in (b".step(", b".backward(", b".reset_memory(")
    )


def stamps(data: bytes, contract: Contract) -> bool:
    """Whether a file speaks of all stamps, as one does that writes them."""
    return bool(contract.stamps) and all(_quotes(data, key) for key in contract.stamps)


def _quotes(data: bytes, key: str) -> bool:
    """Whether a file holds this string."""
    return any(quote + key.encode() + quote in data for quote in (b'"', b"'"))


def builders(
    headers: Mapping[Path, Headers], observing: Collection[Path], base: str, read: Callable[[Path], bytes]
) -> Iterator[Path]:
    """Files that may build classes of those that speak of the observation, or that inherit from one or from
    the `base` of policies: they import such a class, a module that they take one from, or a table that a file
    makes of such classes; or their decorators register them."""
    classes = {name for path in observing for name, _ in headers[path].classes}
    classes.add(base.rpartition(".")[2].encode())
    heirs = set(dependants(classes, headers))
    classes |= {name for path in heirs for name, _ in headers[path].classes}
    if not (observing or heirs):
        return
    modules = {_module_name(path) for path in (*observing, *heirs)}
    modules |= {part.encode() for path in (*observing, *heirs) for part in path.parts[-3:-1]}  # re-exports
    named = re.compile(rb"\b(?:%s)\b" % b"|".join(map(re.escape, sorted(modules))))
    built = re.compile(rb"\.(?:%s)\s*+[(,)}\]]" % b"|".join(map(re.escape, sorted(classes))))
    tables: dict[bytes, set[bytes]] = {}
    registries = {r for path in (*observing, *heirs) for r in _registries(headers[path], read(path))}
    for path, header in headers.items():
        brought = (header.whole, *(names for _, names in header.imports))
        if (
            _module_name(path) in registries
            or any(_brings(names, classes) for _, names in header.imports)
            or (any(map(named.search, brought)) and built.search(read(path)))
        ):
            yield path
            tables.setdefault(_module_name(path), set()).update(_TABLE.findall(b"\n" + read(path)))
    for path, header in headers.items():
        for module, names in header.imports:
            if _brings(names, tables.get(module.rpartition(b".")[2], frozenset())):
                yield path


# What a file does that updates weights itself.
UPDATING = frozenset({"torch.optim", "optim.", ".backward("})


def drivers(
    headers: Mapping[Path, Headers], training: Collection[Path], read: Callable[[Path], bytes]
) -> Iterator[Path]:
    """Files that update weights, and import from one of those that train: they may run its code."""
    modules = {_module_name(path) for path in training}
    for path, header in headers.items() if modules else ():
        imported = any(
            module.rpartition(b".")[2] in modules or _brings(names, modules)
            for module, names in header.imports
        ) or not modules.isdisjoint(name.rpartition(b".")[2] for name in _NAME.findall(header.whole))
        if imported and any(word.encode() in read(path) for word in UPDATING):
            yield path


_DECORATED = re.compile(rb"\n@(\w+)[^\n]*\n(?:@[^\n]*\n)*class\b")


def _registries(headers: Headers, data: bytes) -> Iterator[bytes]:
    """The last names of the modules that a file gets the decorators of its classes from."""
    heads = set(_DECORATED.findall(b"\n" + data))
    for module, names in headers.imports if heads else ():
        if _brings(names, heads):
            yield from (module.rpartition(b".")[2], *heads)


def _module_name(path: Path) -> bytes:
    """The last name of the module that a file is: of a package, its folder's."""
    return (path.parent.name if path.stem == "__init__" else path.stem).encode()


def _brings(names: bytes, wanted: Set[bytes]) -> bool:
    """Whether one of these names stands among those of an import."""
    return not wanted.isdisjoint(_NAME.findall(names))


def _through_modules(
    dotted: Iterable[bytes], imported: Iterable[tuple[bytes, bytes]], plain: Iterable[bytes]
) -> Iterator[tuple[bytes, bytes]]:
    """(module, name) of bases that are reached through an imported module: `base.Recurrent`."""
    modules = {new: old for names in plain for old, new in _ALIAS_OF_MODULE.findall(names)}
    for package, names in imported:
        joint = b"" if package.endswith(b".") else b"."
        renamed = {new: old for old, new in _ALIAS.findall(names)}
        for name in _NAME.findall(names):
            modules[name] = package + joint + renamed.get(name, name)
    for base in dotted:
        prefix, _, name = base.rpartition(b".")
        head, dot, rest = prefix.partition(b".")
        yield modules.get(head, head) + dot + rest, name


@cache
def known_modules() -> frozenset[bytes]:
    """Names of `nn.Module` and of the classes in knowledge files that reach it."""
    names = {b"Module"}
    for resource in KNOWLEDGE.iterdir():
        if resource.suffix == ".pyi":
            names |= {name for name, bases in scan(resource.read_bytes(), "").classes if b"Module" in bases}
    return frozenset(names)


def candidates(
    headers: Mapping[Path, Headers],
    find: Callable[[str, Path], Path | None],
    read: Callable[[Path], Headers | None],
) -> list[Path]:
    """Files that can hold a subject. `find` locates a module that a file imports, `read` gives its headers:
    bases that stand outside the tree are followed too."""
    known = dict(headers)
    _follow_imports(known, find, read)
    bases: dict[bytes, set[bytes]] = {}
    defined_in: dict[bytes, set[Path]] = {}
    for path, header in known.items():
        for name, parents in header.classes:
            bases.setdefault(name, set()).update(parents)
            defined_in.setdefault(name, set()).add(path)
        for new, old in header.aliases:
            if new != old:
                bases.setdefault(new, set()).add(old)
    roots = known_modules()
    spoken: dict[bytes, bool] = {}

    def matters(name: bytes, path: Path) -> bool:
        ancestors = _ancestors(name, bases)
        if not ancestors & roots:
            return False
        if any(word in a for a in ancestors for word in _CORE_WORDS):
            return True
        for ancestor in ancestors:
            if ancestor not in spoken:
                spoken[ancestor] = any(ancestor in known[p].speaking for p in defined_in.get(ancestor, ()))
        return any(spoken[a] for a in ancestors) or b"RecurrentPolicy" in ancestors

    return [p for p, header in headers.items() if any(matters(name, p) for name, _ in header.classes)]


def class_names(data: bytes) -> set[bytes]:
    """The classes of one file, those without a base too."""
    return set(_ANY_CLASS.findall(b"\n" + data))


def dependants(names: set[bytes], headers: Mapping[Path, Headers]) -> list[Path]:
    """Files with a class that may inherit from one of these names."""
    names = set(names)
    found: dict[Path, None] = {}
    before = -1
    while len(names) != before:
        before = len(names)
        for path, header in headers.items():
            names.update(new for new, old in header.aliases if old in names)
            heirs = [name for name, parents in header.classes if not names.isdisjoint(parents)]
            if heirs:
                found[path] = None
            names.update(heirs)
    return list(found)


def _follow_imports(
    known: dict[Path, Headers],
    find: Callable[[str, Path], Path | None],
    read: Callable[[Path], Headers | None],
) -> None:
    """Adds the files that bases are imported from and that the tree does not hold, re-exports included."""
    defined = {name for header in known.values() for name, _ in header.classes} | known_modules()
    todo = [(path, base) for path, h in known.items() for _, parents in h.classes for base in parents]
    asked: set[tuple[Path, bytes]] = set()
    while todo:
        path, name = todo.pop()
        if name in defined or (path, name) in asked:
            continue
        asked.add((path, name))
        header = known[path]
        spellings = {name, *(old for new, old in header.aliases if new == name)}
        for module, names in header.imports:
            if b"*" not in names and not _brings(names, spellings):
                continue
            found = find(module.decode(errors="replace"), path)
            if found is None:
                continue
            if found not in known:
                extra = read(found)
                if extra is None:
                    continue
                known[found] = extra
                defined |= {name for name, _ in extra.classes}
                todo += [(found, base) for _, parents in extra.classes for base in parents]
            todo += [(found, spelling) for spelling in spellings]


def _ancestors(name: bytes, bases: Mapping[bytes, Iterable[bytes]]) -> set[bytes]:
    """The name and everything that it may inherit from."""
    seen = {name}
    todo = [name]
    while todo:
        for base in bases.get(todo.pop(), ()):
            if base not in seen:
                seen.add(base)
                todo.append(base)
    return seen
