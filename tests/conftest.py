"""What tests of the whole distribution share: the tree as it stands, and a copy that a build may dirty."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOT_SOURCE = shutil.ignore_patterns(
    ".git", ".venv", ".hypothesis", ".*_cache", "__pycache__", "*.egg-info", "build", "dist"
)


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the checkout, where pyproject.toml lies."""
    return ROOT


@pytest.fixture(scope="session")
def source_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout: builds leave build/ and *.egg-info behind, and must not see a stale one."""
    copy = tmp_path_factory.mktemp("source") / "policyfix"
    shutil.copytree(ROOT, copy, ignore=NOT_SOURCE)
    return copy
