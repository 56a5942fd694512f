"""The hand-written policies in reference mode against the reference's recorded numbers.

The small copy in `tests/data/golden` has all of `Example`, the encoder of `LatentAttnSmall`, and a component
graph that `Fast` can load. `tests/runtime/test_golden_replay.py` replays the whole set where it is.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tensordict import TensorDict

from policyfix.runtime import golden
from policyfix.runtime.checkpoints import load_state
from policyfix.runtime.modes import REFERENCE
from policyfix.runtime.policies import Example, Fast, LatentAttnSmall

SMALL = Path(__file__).parents[2] / "data/golden"


def test_example_gives_the_recorded_numbers() -> None:
    deviations = golden.replay_folder(SMALL / "pytorch_example", seeds=12)
    assert not [one for one in deviations if one.is_over]
    assert {one.file for one in deviations} == {"meta", "rollout", "train", "clip", "edge", "initialisation"}
    assert max(one.units for one in deviations if one.file in ("rollout", "train")) < 0.5


@pytest.mark.parametrize(
    ("switch", "tensor"),
    [
        ("sentinel_is_padding", "out.lstm_in"),
        ("keep_state_between_steps", "out.core"),
    ],
)
def test_the_replay_notices_a_single_switch(switch: str, tensor: str) -> None:
    def build(meta) -> golden.Subject:
        mode = replace(REFERENCE, **{switch: True})
        policy = Example(golden.environment(meta), mode=mode, **meta["config"]["constructor_overrides"])
        return golden.Subject(policy, golden.open_folder(SMALL / "pytorch_example").build(meta).recorded_name)

    deviations = golden.replay_folder(SMALL / "pytorch_example", build, 0)
    assert tensor in {one.tensor for one in deviations if one.is_over and one.file == "rollout"}


@pytest.mark.parametrize("file", ["rollout", "train", "edge"])
def test_the_encoder_with_attention_gives_the_recorded_features(file: str) -> None:
    path = SMALL / "pytorch_latent_attn_small"
    meta = json.loads((path / "meta.json").read_text())
    policy = LatentAttnSmall(golden.environment(meta), mode="reference")
    encoder = policy.policy.encoder
    weights = load_file(path / "weights.safetensors")
    encoder.load_state_dict({name.removeprefix("policy.policy."): value for name, value in weights.items()})
    recorded = load_file(path / f"{file}.safetensors")
    for name, observations in recorded.items():
        if name.endswith("in.env_obs"):
            expected = recorded[name.replace("in.env_obs", "out.lstm_in")]
            # What is cut depends on the batch: a call is a batch.
            calls = (
                zip(observations, expected, strict=True) if file == "rollout" else [(observations, expected)]
            )
            for batch, features in calls:
                got = encoder(batch.flatten(0, -3))
                assert golden.units(got, features.flatten(0, -2), 2e-5, 0.1) <= 1, name


@pytest.mark.filterwarnings("ignore:feature ids")
@pytest.mark.parametrize("mode", ["sound", "reference"])
def test_fast_gives_the_numbers_of_the_graph_whose_weights_it_loads(mode: str) -> None:
    folder = golden.open_folder(SMALL / "component_fast")
    policy = Fast(golden.environment(folder.meta), mode=mode)
    load_state(policy, folder.tensors("weights"))
    recorded = folder.tensors("rollout")
    for call, group in enumerate(recorded["in.training_env_id_start"]):
        entries = {key: recorded[f"in.{key}"][call] for key in ("env_obs", "dones", "truncateds")}
        rows = len(entries["dones"])
        td = TensorDict(entries | {"training_env_id_start": group.expand(rows)}, [rows])
        with torch.no_grad():
            policy(td)
        for key in ("values", "full_log_probs"):
            assert golden.units(td[key], recorded[f"out.{key}"][call], 2e-5, 0.1) <= 1, (call, key)
    train = folder.tensors("train")
    policy.reset_memory()
    observations = train["in.env_obs"]
    out = policy(TensorDict({"env_obs": observations}, observations.shape[:2]), action=train["in.actions"])
    for key in ("act_log_prob", "entropy", "value", "full_log_probs"):
        assert golden.units(out[key], train[f"out.{key}"], 2e-5, 0.1) <= 1, key
