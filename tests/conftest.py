"""What all tests have in common."""

import pytest


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test sees, or leaves, what another run learnt."""
    monkeypatch.setenv("POLICYFIX_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
