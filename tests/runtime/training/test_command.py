import json
from pathlib import Path

import pytest

from policyfix.runtime.training.__main__ import main

SMALL = [
    "--agent",
    "fast",
    "--agents",
    "4",
    "--simulations",
    "2",
    "--set",
    "horizon=4",
    "--set",
    "optimizer=adam",
]


def records(capsys: pytest.CaptureFixture[str]) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_run_goes_on_from_its_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tmp_path / "run.pt")
    main([*SMALL, "--updates", "2"])
    whole = records(capsys)
    main([*SMALL, "--updates", "1", "--checkpoint", file])
    main([*SMALL, "--updates", "2", "--checkpoint", file])
    parts = records(capsys)
    assert [part["steps"] for part in parts] == [64, 128]
    for one, other in zip(whole, parts, strict=True):
        assert one["loss"] == other["loss"]


def test_an_agent_config_is_read_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "agent.yaml"
    config.write_text("agent_type: fast\nclip_rang: 0.1\n")
    with pytest.raises(ValueError, match="did you mean 'clip_range'"):
        main(["--agent", str(config), "--updates", "1"])
    with pytest.raises(SystemExit, match="PPOConfig has no 'gama'"):
        main([*SMALL, "--set", "gama=0.9"])
