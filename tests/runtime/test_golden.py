"""The recurrent core, the state store and the action algebra against the reference's recorded numbers.

A part of them is in `tests/data/golden`; the whole set is used too where it lies beside the checkout.
"""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tensordict import TensorDict
from torch import Tensor, nn

from policyfix.runtime import RecurrentPolicy

ROOT = Path(__file__).parents[2]
WHOLE = ROOT.parent / "shared" / "golden"
NAMES = ("pytorch_fast", "pytorch_latent_attn_tiny", "pytorch_latent_attn_small", "pytorch_latent_attn_med")
FOLDERS = [
    *(ROOT / "tests/data/golden" / name for name in NAMES[:2]),
    *(WHOLE / name for name in NAMES if (WHOLE / name).is_dir()),
]
WITH_CORE = [folder for folder in FOLDERS if (folder / "weights.safetensors").exists()]

# The latent policies have one logit per action dimension, 7 + 9, for 19 joint actions.
unreachable_actions = pytest.mark.filterwarnings("ignore:the net emits 16 logits")


class Replay(nn.Module):
    """A net whose observation is the number of the row to emit, in the encoder and in the head."""

    def __init__(self, features: Tensor, logits: Tensor) -> None:
        super().__init__()
        self.features, self.logits = features, logits
        self.rows = self.hidden = torch.empty(0)

    def encode_observations(self, observations: Tensor) -> Tensor:
        self.rows = observations[:, 0]
        return self.features[self.rows]

    def decode_actions(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        self.hidden = hidden
        return self.logits[self.rows], hidden[:, :1]


def replaying(folder: Path, golden: dict[str, Tensor], env) -> RecurrentPolicy:
    logits = golden["out.logits"].flatten(0, 1)
    features = (
        golden["out.lstm_in"].flatten(0, 1) if "out.lstm_in" in golden else torch.zeros(len(logits), 128)
    )
    policy = RecurrentPolicy(env((1,), max_action_args=[0, 1, 3, 8, 0, 0, 0]), Replay(features, logits))
    if folder in WITH_CORE:
        weights = load_file(folder / "weights.safetensors")
        core = {name.removeprefix("policy."): value for name, value in weights.items() if ".lstm." in name}
        missing, unexpected = policy.load_state_dict(core, strict=False)
        assert not unexpected
        assert not [name for name in missing if name.startswith("lstm.")]
    return policy


def close(actual: Tensor, expected: Tensor) -> None:
    """The tolerance that comes with the numbers."""
    deviation = (actual - expected).abs().max().item()
    assert deviation <= 2e-5 * max(expected.abs().max().item(), 0.1)


@unreachable_actions
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.parent.parent.name}-{folder.name}")
def test_rollout(folder: Path, env) -> None:
    golden = load_file(folder / "rollout.safetensors")
    policy = replaying(folder, golden, env)
    calls, rows = golden["out.logits"].shape[:2]
    assert golden["in.dones"].any()
    assert golden["in.truncateds"].any()
    for call in range(calls):
        group = golden["in.training_env_id_start"][call]
        td = TensorDict(
            {
                "env_obs": torch.arange(call * rows, (call + 1) * rows).unsqueeze(1),
                "dones": golden["in.dones"][call],
                "truncateds": golden["in.truncateds"][call],
                "training_env_id_start": group.expand(rows),
            },
            batch_size=[rows],
        )
        with torch.no_grad():
            policy(td)
        close(td["full_log_probs"], golden["out.full_log_probs"][call])
        index = policy._convert_action_to_logit_index(golden["in.fixed_actions"][call])
        reachable = index < td["full_log_probs"].shape[1]
        chosen = td["full_log_probs"][torch.arange(rows), index.clamp(max=td["full_log_probs"].shape[1] - 1)]
        close(chosen[reachable], golden["out.fixed_act_log_prob"][call][reachable])
        if folder in WITH_CORE:
            close(policy.policy.hidden, golden["out.core"][call])
            h, c = policy.get_memory()[group.item()]
            close(h, golden["out.h_n"][call])
            close(c, golden["out.c_n"][call])


@unreachable_actions
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.parent.parent.name}-{folder.name}")
def test_training(folder: Path, env) -> None:
    golden = load_file(folder / "train.safetensors")
    policy = replaying(folder, golden, env)
    rows, steps = golden["out.logits"].shape[:2]
    td = TensorDict({"env_obs": torch.arange(rows * steps).view(rows, steps, 1)}, batch_size=[rows, steps])
    out = policy(td, action=golden["in.actions"])
    close(out["full_log_probs"], golden["out.full_log_probs"])
    close(out["act_log_prob"], golden["out.act_log_prob"])
    close(out["entropy"], golden["out.entropy"])
    if folder not in WITH_CORE:
        return
    close(policy.policy.hidden.view(rows, steps, -1), golden["out.core"])
    carried = {"lstm_h": golden["out.h_n"], "lstm_c": golden["out.c_n"]}
    policy(td, carried, golden["in.actions"])
    close(policy.policy.hidden.view(rows, steps, -1), golden["carry.core"])


def test_the_tolerance_notices_a_missed_reset(env) -> None:
    folder = WITH_CORE[0]
    golden = load_file(folder / "rollout.safetensors")
    policy = replaying(folder, golden, env)
    rows = golden["out.logits"].shape[1]
    worst = 0.0
    for call, group in enumerate(golden["in.training_env_id_start"]):
        observations = torch.arange(call * rows, (call + 1) * rows).unsqueeze(1)
        with torch.no_grad():
            policy(TensorDict({"env_obs": observations, "training_env_id_start": group.expand(rows)}, [rows]))
        worst = max(worst, (policy.policy.hidden - golden["out.core"][call]).abs().max().item())
    assert worst > 1e-2
