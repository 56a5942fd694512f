"""The tree that the tests of the whole distribution speak about."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]  # where pyproject.toml lies
_NOT_SOURCE = shutil.ignore_patterns(
    ".git", ".venv", ".hypothesis", ".*_cache", "__pycache__", "*.egg-info", "build", "dist"
)


def copy_checkout(to: Path) -> Path:
    """Copy the tree to the new folder `to`: builds leave traces behind, and must not see stale ones."""
    return Path(shutil.copytree(ROOT, to, ignore=_NOT_SOURCE))
