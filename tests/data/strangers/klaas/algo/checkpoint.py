"""Checkpoints hold weights, the optimizer, and how far the run has come; never what the policy remembers."""
import os
from typing import Any

import torch

from algo.learner import Learner


def save(learner: Learner, path: str) -> None:
    partial = path + ".part"
    torch.save(
        {
            "policy": learner.policy.state_dict(),
            "optimizer": learner.optimizer.state_dict(),
            "version": learner.version,
            "rng": torch.get_rng_state(),
        },
        partial,
    )
    os.replace(partial, path)


def resume(learner: Learner, path: str) -> bool:
    if not os.path.exists(path):
        return False
    found: Any = torch.load(path, map_location="cpu", weights_only=True)
    learner.policy.load_state_dict(found["policy"])
    learner.optimizer.load_state_dict(found["optimizer"])
    learner.version = found["version"]
    torch.set_rng_state(found["rng"])
    learner.policy.reset_memory()
    return True


def keep_every(learner: Learner, folder: str, every: int) -> None:
    def listener(stats: dict) -> None:
        if learner.version % every == 0:
            save(learner, os.path.join(folder, "%08d.pt" % learner.version))

    learner.listeners.append(listener)
