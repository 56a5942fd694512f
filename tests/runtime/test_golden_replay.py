"""The component graph against the reference's recorded numbers, and the command that compares them.

A part of the recordings is in `tests/data/golden`; the whole set is used too where it lies beside the
checkout.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tensordict import TensorDict
from torch import nn

from policyfix.runtime import golden
from policyfix.runtime.components import ComponentPolicy, read_config
from policyfix.runtime.golden.__main__ import main

ROOT = Path(__file__).parents[2]
SMALL = ROOT / "tests/data/golden"
WHOLE = Path(os.environ.get("POLICYFIX_GOLDEN", ROOT.parent / "shared/golden"))
FAST = SMALL / "component_fast"


def replayable(folder: Path) -> bool:
    try:
        golden.open_folder(folder)
    except golden.UnreadableError:
        return False
    return True


WHOLE_FOLDERS = [folder for folder in sorted(WHOLE.glob("*")) if replayable(folder)]


def over(folder: Path, build: golden.Builder | None = None, seeds: int = 0) -> list[str]:
    return [f"{one.file} {one.tensor}" for one in golden.replay_folder(folder, build, seeds) if one.is_over]


def test_the_graph_gives_the_recorded_numbers() -> None:
    deviations = golden.replay_folder(FAST, seeds=12)
    assert not [one for one in deviations if one.is_over]
    files = {one.file for one in deviations}
    assert files == {"meta", "rollout", "train", "clip", "edge", "initialisation"}
    assert max(one.units for one in deviations if one.file in ("rollout", "train")) < 0.5


@pytest.mark.parametrize("folder", WHOLE_FOLDERS, ids=lambda folder: folder.name)
def test_the_whole_set(folder: Path) -> None:
    assert over(folder, seeds=12) == []


@pytest.mark.parametrize("file", ["rollout", "train", "edge"])
def test_the_encoder_with_attention_gives_the_recorded_features(file: str) -> None:
    path = SMALL / "component_latent_attn_med"
    meta = json.loads((path / "meta.json").read_text())
    policy = ComponentPolicy(golden.environment(meta), mode="reference", **read_config("latent_attn_med"))
    names = {f"policy.{name}" for name, _ in policy.policy.named_parameters()}
    weights = load_file(path / "weights.safetensors")
    assert {name for name in names if ".obs_" in name} <= weights.keys()
    policy.load_state_dict(weights, strict=False)
    recorded = load_file(path / f"{file}.safetensors")
    for name, observations in recorded.items():
        if name.endswith("in.env_obs"):
            expected = recorded[name.replace("in.env_obs", "out.lstm_in")]
            calls = [(observations, expected)]
            if file == "rollout":
                calls = list(zip(observations, expected, strict=True))  # what is cut depends on the batch
            for batch, features in calls:
                got = policy.policy.encode_observations(batch.flatten(0, -3))
                assert golden.units(got, features.flatten(0, -2), 2e-5, 0.1) <= 1, name


def test_the_sound_mode_differs_where_it_says_so_and_nowhere_else() -> None:
    def build(meta) -> golden.Subject:
        return golden.Subject(
            ComponentPolicy(golden.environment(meta), **read_config("fast")), golden.in_components
        )

    for name in over(FAST, build):
        file, tensor = name.split(" ", 1)
        assert (
            file == "clip"  # bounds by magnitude, a loss with gradient
            or tensor.startswith("carry.")  # training does not write to the rollout's memory
            or (
                file == "edge"
                and any(word in tensor for word in ("cell_0_0_attr_0", "x_1", "x_0", "warnings"))
            )
        ), name


# One mistake each: what it does to a policy with recorded weights, and where it must show.
def no_relu(policy: ComponentPolicy) -> None:
    policy.policy["fc1"]._net[1] = nn.Identity()


def swapped_axes(policy: ComponentPolicy) -> None:
    policy.policy["_obs_"].register_forward_hook(lambda _, __, box: box.transpose(2, 3))


def reset_on_dones_only(policy: ComponentPolicy) -> None:
    def forget(_: nn.Module, inputs: tuple[TensorDict]) -> None:
        if inputs[0].get("truncateds", None) is not None:
            inputs[0]["truncateds"].zero_()

    policy.register_forward_pre_hook(forget)


def index_without_type(policy: ComponentPolicy) -> None:
    policy._convert_action_to_logit_index = lambda action: (
        policy.cum_action_max_params[action[:, 0]] + action[:, 1]
    )


def embeddings_from_row_0(policy: ComponentPolicy) -> None:
    policy.policy["_action_embeds_"].active_indices -= 1


def no_tanh_in_the_head(policy: ComponentPolicy) -> None:
    head = policy.policy["_action_"]
    head.forward = lambda hidden, embeddings: hidden @ head.W[0] @ embeddings.T + head.bias


def forgotten_normalisation(policy: ComponentPolicy) -> None:
    policy.policy["obs_normalizer"].obs_norm[0, 5] = 1


def detached_encoder(policy: ComponentPolicy) -> None:
    policy.policy["cnn2"].register_forward_hook(lambda _, __, output: output.detach())


def clipped_biases(policy: ComponentPolicy) -> None:
    clip = policy.clip_weights
    policy.clip_weights = lambda: (clip(), policy.policy["fc1"].layer.bias.data.clamp_(-0.01, 0.01))


@pytest.mark.parametrize(
    ("mistake", "shows"),
    [
        (no_relu, "rollout out.lstm_in"),
        (swapped_axes, "rollout out.lstm_in"),
        (reset_on_dones_only, "rollout out.core"),
        (index_without_type, "train out.act_log_prob"),
        (embeddings_from_row_0, "train out.logits"),
        (no_tanh_in_the_head, "edge case01 (single_token) logits"),
        (forgotten_normalisation, "train out.lstm_in"),
        (detached_encoder, "train grad.policy.components.cnn1._net.0.bias"),
        (clipped_biases, "clip changed_parameters at 0.05"),
    ],
)
def test_a_mistake_is_over(mistake: Callable[[ComponentPolicy], None], shows: str) -> None:
    def build(meta) -> golden.Subject:
        subject = golden.BUILDERS["component_*"](meta)
        subject.policy.register_load_state_dict_post_hook(lambda policy, _: mistake(policy))
        return subject

    assert shows in over(FAST, build)


def test_another_initialisation_is_over() -> None:
    def build(meta) -> golden.Subject:
        subject = golden.BUILDERS["component_*"](meta)
        nn.init.xavier_normal_(subject.policy.policy["fc1"].layer.weight)
        return subject

    assert over(FAST, build, seeds=5) == ["initialisation policy.components.fc1._net.0.weight"]


def test_a_deviation_counts_in_units_of_the_tolerance() -> None:
    recorded = torch.tensor([2.0, -torch.inf])
    assert golden.units(torch.tensor([2.0 + 1e-4, -torch.inf]), recorded, 5e-5, 0.1) == pytest.approx(
        1, rel=1e-2
    )
    assert golden.units(torch.tensor([1e-3]), torch.tensor([0.0]), 1e-2, 0.1) == pytest.approx(1)
    for other in (torch.tensor([2.0, 3.0]), torch.tensor([torch.nan, -torch.inf]), torch.zeros(3)):
        assert golden.Deviation("", "", golden.units(other, recorded, 1, 1)).is_over


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FAST, tmp_path / "copy"))


def test_the_command_says_how_far_and_exits_with_1_when_something_is_over(copy: Path, capsys) -> None:
    assert main(["--seeds", "0", str(FAST)]) == 0
    printed = capsys.readouterr().out
    assert "train          grad.policy.components._value_._net.bias" in printed
    assert "0 over" in printed
    rollout = load_file(copy / "rollout.safetensors")
    rollout["out.values"][3, 2] += 0.01
    save_file(rollout, copy / "rollout.safetensors")
    assert main(["--quiet", "--seeds", "0", str(copy), str(FAST)]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("OVER")
    assert "1 over; worst" in printed


def spoil_meta(folder: Path) -> str:
    (folder / "meta.json").write_text("{")
    return "meta.json cannot be read"


def spoil_tensors(folder: Path) -> str:
    (folder / "rollout.safetensors").write_bytes(b"nothing")
    return "rollout.safetensors cannot be read"


def spoil_weights(folder: Path) -> str:
    weights = load_file(folder / "weights.safetensors")
    del weights["policy.components.fc1._net.0.bias"]
    save_file(weights, folder / "weights.safetensors")
    return "weights.safetensors lacks policy.components.fc1._net.0.bias"


def spoil_policy(folder: Path) -> str:
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta | {"policy": "someone's"}))
    return 'nobody builds the policy "someone\'s"'


def spoil_inputs(folder: Path) -> str:
    rollout = load_file(folder / "rollout.safetensors")
    del rollout["in.env_obs"]
    save_file(rollout, folder / "rollout.safetensors")
    return "the recording lacks 'in.env_obs'"


def remove(folder: Path) -> str:
    shutil.rmtree(folder)
    return "meta.json cannot be read"


@pytest.mark.parametrize(
    "spoil", [spoil_meta, spoil_tensors, spoil_weights, spoil_policy, spoil_inputs, remove]
)
def test_a_folder_that_cannot_be_read_is_one_line_and_2(
    spoil: Callable[[Path], str], copy: Path, capsys
) -> None:
    message = spoil(copy)
    assert main(["--seeds", "0", str(copy)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_a_policy_of_ones_own_is_replayed(copy: Path, monkeypatch, tmp_path: Path, capsys) -> None:
    (tmp_path / "mine.py").write_text(
        "from policyfix.runtime.golden import BUILDERS\n"
        "def build(meta):\n"
        "    return BUILDERS['component_*'](meta | {'policy': 'component_fast'})\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    spoil_policy(copy)
    assert main(["--builder", "mine:build", "--seeds", "0", "--quiet", str(copy)]) == 0
    assert main(["--builder", "mine:nothing", str(copy)]) == 2
