"""Cut the part of the reference's golden numbers that the runtime's tests need.

    python tests/data/golden/subset.py GOLDEN_FOLDER

GOLDEN_FOLDER holds one folder per reference policy. File and tensor names stay. Of `pytorch_fast` and
`pytorch_latent_attn_tiny` the first CALLS rollout calls are kept, and of the weights only the recurrent core's; of
`component_fast` and `pytorch_example` all weights and few calls, so that they can be replayed as a whole; of
`component_latent_attn_med` and `pytorch_latent_attn_small` the encoder.
"""

import json
import sys
from pathlib import Path

from safetensors.torch import load_file, save_file

CALLS = 16
ROLLOUT = ("in.training_env_id_start", "in.dones", "in.truncateds", "in.fixed_actions", "out.logits",
           "out.full_log_probs", "out.fixed_act_log_prob")  # fmt: skip
TRAIN = ("in.actions", "out.logits", "out.full_log_probs", "out.act_log_prob", "out.entropy")
CORE = {"rollout": ("out.lstm_in", "out.core", "out.h_n", "out.c_n"),
        "train": ("out.lstm_in", "out.core", "out.h_n", "out.c_n", "carry.core")}  # fmt: skip


def main(source: Path) -> None:
    here = Path(__file__).parent
    for policy, with_core in (("pytorch_fast", True), ("pytorch_latent_attn_tiny", False)):
        folder = here / policy
        folder.mkdir(exist_ok=True)
        rollout = load_file(source / policy / "rollout.safetensors")
        train = load_file(source / policy / "train.safetensors")
        names = ROLLOUT + CORE["rollout"] * with_core
        save_file({name: rollout[name][:CALLS].clone() for name in names}, folder / "rollout.safetensors")
        names = TRAIN + CORE["train"] * with_core
        save_file({name: train[name] for name in names}, folder / "train.safetensors")
        if with_core:
            weights = load_file(source / policy / "weights.safetensors")
            core = {name: weight for name, weight in weights.items() if name.startswith("policy.lstm.")}
            save_file(core, folder / "weights.safetensors")
    for policy in ("component_fast", "pytorch_example"):
        whole(source / policy, here / policy)
    for policy in ("component_latent_attn_med", "pytorch_latent_attn_small"):
        encoder(source / policy, here / policy)


FEW = 10  # calls; both groups, and every kind of episode end
SMALL = 5000  # elements of a parameter whose gradient is kept


def whole(source: Path, target: Path) -> None:
    """All weights, and of the recordings what is small."""
    target.mkdir(exist_ok=True)
    rollout, train, clip, edge = (load_file(source / f"{name}.safetensors") for name in
                                  ("rollout", "train", "clip", "edge"))  # fmt: skip
    save_file(load_file(source / "weights.safetensors"), target / "weights.safetensors")
    save_file({name: tensor[:FEW].clone() for name, tensor in rollout.items()}, target / "rollout.safetensors")
    save_file(
        {name: tensor for name, tensor in train.items() if not name.startswith("grad.") or tensor.numel() <= SMALL},
        target / "train.safetensors",
    )
    meta = json.loads((source / "meta.json").read_text(encoding="utf-8"))
    changed = meta["clip"]["results"]["0.05"]["changed_parameters"]
    kept = {f"{state}.{name}" for name in changed for state in ("before", "after_0.05")}
    save_file({name: tensor for name, tensor in clip.items() if name in kept}, target / "clip.safetensors")
    save_file(edge, target / "edge.safetensors")
    save_meta(meta, target)


def encoder(source: Path, target: Path) -> None:
    """The weights before the core, and what they make of observations."""
    target.mkdir(exist_ok=True)
    weights = load_file(source / "weights.safetensors")
    before = {name: tensor for name, tensor in weights.items() if "components.obs_" in name or "._obs_." in name or "policy.obs_" in name}
    save_file(before, target / "weights.safetensors")
    for name in ("rollout", "train", "edge"):
        recorded = load_file(source / f"{name}.safetensors")
        kept = {key: tensor[:FEW].clone() if name == "rollout" else tensor for key, tensor in recorded.items()
                if key.endswith(("in.env_obs", "out.lstm_in"))}  # fmt: skip
        save_file(kept, target / f"{name}.safetensors")
    save_meta(json.loads((source / "meta.json").read_text(encoding="utf-8")), target)


def save_meta(meta: dict, target: Path) -> None:
    """Without what nothing reads."""
    for name in ("observed_tolerances", "observed_in_recommended_units", "tensors", "generic_weights"):
        del meta[name]
    (target / "meta.json").write_text(json.dumps(meta, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
