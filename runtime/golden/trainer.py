"""The replay of a trainer's arithmetic: advantages, sampling, loss and gradients."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..training.advantage import advantages
from ..training.experience import importance_weights, segment_probabilities
from ..training.loss import normalise, ppo_loss
from .recording import Deviation, read_meta, read_tensors, units

FILE = "ppo.safetensors"


def replay_trainer(path: Path) -> Iterator[Deviation]:
    """What a folder holds of a trainer's arithmetic, in `ppo.safetensors`. Raises UnreadableError."""
    meta, recorded = read_meta(path), read_tensors(path / FILE)
    ours = _trainer_outputs(
        {name[3:]: t for name, t in recorded.items() if name.startswith("in.")}, meta, recorded
    )
    for name, tensor in recorded.items():
        if not name.startswith("in."):
            mine = ours.get(name)
            floor = 1e-2 if name.startswith("grad.") else 0.1
            distance = (
                float("nan") if mine is None else units(mine.reshape(tensor.shape), tensor, 2e-5, floor)
            )
            yield Deviation("ppo", name, distance, "not computed" if mine is None else "")


def _trainer_outputs(
    given: Mapping[str, Tensor], meta: Mapping[str, Any], names: Iterable[str]
) -> dict[str, Tensor]:
    """`out.*` and `grad.*` of the recorded inputs; exponents of the sampling stand in the recorded names."""
    hyper, trace = meta["hyper"], meta["vtrace"]
    values, rewards, dones = given["values"], given["rewards"], given["dones"]
    leaves = {
        name: given[name].clone().requires_grad_() for name in ("new_act_log_prob", "entropy", "new_value")
    }
    ratio = (given["new_act_log_prob"] - given["old_act_log_prob"]).exp()
    numbers = {name: hyper[name] for name in ("gamma", "gae_lambda")}
    numbers |= {name: trace[name] for name in ("rho_clip", "c_clip")}
    out = {
        "ratio": ratio,
        "advantages_ratio1": advantages(values, rewards, dones, **numbers),
        "advantages": advantages(values, rewards, dones, ratio=ratio, **numbers),
        # The reference's branch for Apple devices runs along the other axis.
        "mps_branch_same_layout": advantages(values.T, rewards.T, dones.T, ratio=ratio.T, **numbers).T,
    }
    pairs = sorted(
        (float(found[1]), float(found[2]))
        for name in names
        if (found := re.fullmatch(r"out\.prio_weights_alpha([\d.]+)_beta([\d.]+)", name))
    )
    for alpha, beta in pairs:
        probabilities = segment_probabilities(out["advantages_ratio1"], alpha)
        out[f"prio_probs_alpha{alpha}"] = probabilities
        out[f"prio_weights_alpha{alpha}_beta{beta}"] = weights = importance_weights(probabilities, beta)
    # The loss was recorded with the last pair: the one that weighs segments.
    out["advantages_normalised_weighted"] = weights * normalise(out["advantages"])
    loss = ppo_loss(
        act_log_prob=leaves["new_act_log_prob"],
        entropy=leaves["entropy"],
        value=leaves["new_value"],
        old_act_log_prob=given["old_act_log_prob"],
        old_values=values,
        returns=out["advantages_ratio1"] + values,
        advantages=out["advantages_normalised_weighted"],
        clip_value_loss=hyper["clip_vloss"],
        **{name: hyper[name] for name in ("clip_coef", "vf_clip_coef", "vf_coef", "ent_coef")},
    )
    torch.autograd.backward(loss.total)
    out |= {"loss": loss.total, "pg_loss": loss.policy, "v_loss": loss.value}
    out |= {"entropy_loss": loss.entropy, "approx_kl": loss.approx_kl, "clipfrac": loss.clipfrac}
    gradients = {f"grad.{name}": leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}
    return {f"out.{name}": tensor.detach() for name, tensor in out.items()} | gradients
