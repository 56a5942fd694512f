"""Cut the part of the reference's golden numbers that the runtime's tests need.

    python tests/data/golden/subset.py GOLDEN_FOLDER

GOLDEN_FOLDER holds one folder per reference policy. File and tensor names stay; only the first CALLS rollout
calls are kept, and of the weights only the recurrent core's.
"""

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


if __name__ == "__main__":
    main(Path(sys.argv[1]))
