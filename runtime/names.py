"""Names that nobody knows, and the known ones that may be meant."""

import difflib
import inspect
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

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


def warn_unknown_config(policy: nn.Module, config: Mapping[str, Any], stacklevel: int = 3) -> None:
    """Name the keys of `config` in one warning, each with the constructor parameter that it may be meant for.

    For the constructor of a policy, whose `**kwargs` nothing reads: a typo in the config then does not go
    unnoticed. Silent where `config` is empty. `stacklevel` is that of `warnings.warn`; 3 shows the line that
    builds the policy, where its own constructor calls this.
    """
    if not config:
        return
    named = with_hints(sorted(config), constructor_parameters(type(policy)))
    warnings.warn(
        f"{type(policy).__name__} does not read these config keys: {named}",
        UserWarning,
        stacklevel=stacklevel,
    )
