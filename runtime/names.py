"""Names that nobody knows, and the known ones that may be meant."""

import difflib
import inspect
from collections.abc import Iterable

from torch import nn


def hint(name: str, known: Iterable[str]) -> str:
    """` (did you mean 'fast'?)`, or nothing where no known name is near."""
    near = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def with_hints(names: Iterable[str], known: Iterable[str]) -> str:
    """The names one after the other, each with its hint."""
    known = list(known)
    return ", ".join(f"{name!r}{hint(name, known)}" for name in names)


def constructor_parameters(policy_class: type[nn.Module]) -> set[str]:
    """Names that the constructors of `policy_class` and of its bases take."""
    names: set[str] = set()
    for kind in policy_class.__mro__:
        if kind is nn.Module:
            break
        if "__init__" in vars(kind):
            parameters = inspect.signature(kind).parameters.values()
            names |= {p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
            if not any(p.kind is p.VAR_KEYWORD for p in parameters):
                break
    return names
