"""Advantages, sampling, losses and gradients against the reference's recorded numbers."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file
from torch import Tensor

from policyfix.runtime.training.advantage import advantages
from policyfix.runtime.training.experience import importance_weights, segment_probabilities
from policyfix.runtime.training.loss import normalise, ppo_loss

ROOT = Path(__file__).parents[3]
FOLDERS = [ROOT / "tests/data/golden/trainer_math", ROOT.parent / "shared/golden/trainer_math"]


def replay(golden: dict[str, Tensor], meta: dict) -> dict[str, Tensor]:
    """Every `out.*` and `grad.*` of the folder, computed from its `in.*`."""
    hyper, trace = meta["hyper"], meta["vtrace"]
    values, rewards, dones = (golden[f"in.{name}"] for name in ("values", "rewards", "dones"))
    old = golden["in.old_act_log_prob"]
    new, entropy, value = (
        golden[f"in.{name}"].clone().requires_grad_() for name in ("new_act_log_prob", "entropy", "new_value")
    )
    ratio = (new.detach() - old).exp()
    numbers = {
        "gamma": hyper["gamma"], "gae_lambda": hyper["gae_lambda"],
        "rho_clip": trace["rho_clip"], "c_clip": trace["c_clip"],
    }  # fmt: skip
    out = {
        "ratio": ratio,
        "advantages_ratio1": advantages(values, rewards, dones, **numbers),
        "advantages": advantages(values, rewards, dones, ratio=ratio, **numbers),
        # The reference's branch for Apple devices runs along the other axis.
        "mps_branch_same_layout": advantages(values.T, rewards.T, dones.T, ratio=ratio.T, **numbers).T,
    }
    for alpha, beta in ((0.0, 0.6), (0.7, 0.4)):
        probs = segment_probabilities(out["advantages_ratio1"], alpha)
        out[f"prio_probs_alpha{alpha}"] = probs
        out[f"prio_weights_alpha{alpha}_beta{beta}"] = importance_weights(probs, beta)
    weights = out["prio_weights_alpha0.7_beta0.4"]
    out["advantages_normalised_weighted"] = weights * normalise(out["advantages"])
    loss = ppo_loss(
        act_log_prob=new, entropy=entropy, value=value.unsqueeze(-1), old_act_log_prob=old, old_values=values,
        returns=out["advantages_ratio1"] + values, advantages=out["advantages_normalised_weighted"],
        **{name: hyper[name] for name in ("clip_coef", "vf_clip_coef", "vf_coef", "ent_coef")},
        clip_value_loss=hyper["clip_vloss"],
    )  # fmt: skip
    loss.total.backward()
    out |= {"loss": loss.total, "pg_loss": loss.policy, "v_loss": loss.value, "entropy_loss": loss.entropy,
            "approx_kl": loss.approx_kl, "clipfrac": loss.clipfrac}  # fmt: skip
    gradients = {"new_act_log_prob": new.grad, "entropy": entropy.grad, "new_value": value.grad}
    return {f"out.{name}": t.detach() for name, t in out.items()} | {
        f"grad.{name}": t for name, t in gradients.items() if t is not None
    }


@pytest.mark.parametrize(
    "folder", [folder for folder in FOLDERS if folder.is_dir()], ids=lambda folder: folder.parts[-3]
)
def test_trainer_math_is_that_of_the_reference(folder: Path) -> None:
    golden = load_file(folder / "ppo.safetensors")
    ours = replay(golden, json.loads((folder / "meta.json").read_text()))
    assert ours.keys() == {name for name in golden if not name.startswith("in.")}
    for name, reference in golden.items():
        if name in ours:
            floor = 1e-2 if name.startswith("grad.") else 0.1
            limit = 2e-5 * max(float(reference.abs().max()), floor)
            assert float((ours[name].reshape(reference.shape) - reference).abs().max()) <= limit, name
