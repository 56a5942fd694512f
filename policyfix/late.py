"""Modules that take long to load, and that few runs need."""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec
from types import ModuleType


class _Late(ModuleType):
    """A module that has not run yet. `importlib.util.LazyLoader` would run it at the next `import` of it."""

    def __getattr__(self, name: str) -> object:
        spec = self.__spec__
        assert spec is not None
        assert spec.loader is not None
        self.__class__ = ModuleType  # type: ignore[assignment]
        spec.loader.exec_module(self)
        return getattr(self, name)


def late(name: str) -> ModuleType:
    """A module that runs when something in it is first asked for, whoever imported it."""
    if name not in sys.modules:
        spec = find_spec(name)
        if spec is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        module = module_from_spec(spec)
        module.__class__ = _Late
        sys.modules[name] = module
    return sys.modules[name]
