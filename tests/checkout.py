"""The tree that the tests of the whole distribution speak about."""

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]  # where pyproject.toml lies
_NOT_SOURCE = shutil.ignore_patterns(
    ".git", ".venv", ".hypothesis", ".*_cache", "__pycache__", "*.egg-info", "build", "dist"
)


def script(path: str | Path) -> ModuleType:
    """A file that no package holds, such as `tools/scaffold.py` of the tree, as a module."""
    path = ROOT / path
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)  # dataclasses look it up there
    spec.loader.exec_module(module)
    return module


def copy_checkout(to: Path) -> Path:
    """Copy the tree to the new folder `to`: builds leave traces behind, and must not see stale ones."""
    return Path(shutil.copytree(ROOT, to, ignore=_NOT_SOURCE))
