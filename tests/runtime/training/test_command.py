import json
from pathlib import Path

import pytest
import torch

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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--agent", "agent.yaml"], "did you mean 'clip_range'"),
        (["--agent", "broken.yaml"], "broken.yaml is no YAML"),
        (["--agent", "list.yaml"], "it holds no mapping"),
        (
            ["--agent", "latent_attn_tini"],
            "is neither an agent nor a file (did you mean 'latent_attn_tiny'?)",
        ),
        (["--set", "gama=0.9"], "PPOConfig has no 'gama' (did you mean 'gamma'?)"),
        (["--set", "gamma="], "'' is no value as Python writes it"),
        (["--checkpoint", "list.yaml"], "list.yaml is no checkpoint"),
        (["--checkpoint", "other.pt"], "other.pt is no checkpoint of a trainer"),
        (["--checkpoint", "."], "Is a directory"),
    ],
)
def test_what_does_not_fit_is_one_message_and_exit_code_2(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("agent.yaml").write_text("agent_type: fast\nclip_rang: 0.1\n")
    Path("broken.yaml").write_text("agent_type: [\n")
    Path("list.yaml").write_text("- fast\n")
    torch.save({"weights": torch.zeros(1)}, "other.pt")
    with pytest.raises(SystemExit) as end:
        main([*SMALL, "--updates", "1", *arguments])
    assert end.value.code == 2
    assert said in capsys.readouterr().err


def test_the_checkpoint_of_another_policy_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "run.pt")
    main([*SMALL, "--updates", "1", "--checkpoint", file])
    with pytest.raises(SystemExit):
        main([*SMALL, "--agent", "latent_attn_tiny", "--updates", "2", "--checkpoint", file])
    assert f"{file} holds another policy than the trainer's" in capsys.readouterr().err
