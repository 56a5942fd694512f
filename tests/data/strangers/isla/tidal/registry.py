"""Policies by name, built from their part of the run's config."""

from typing import Any, ClassVar

import torch


class Policies:
    known: ClassVar[dict[str, type]] = {}

    @classmethod
    def add(cls, name: str):
        def enter(policy: type) -> type:
            cls.known[name] = policy
            return policy

        return enter

    @classmethod
    def build(cls, cfg: dict[str, Any], env):
        """The policy that `cfg["name"]` says, with all the other entries as options."""
        options = dict(cfg)
        return cls.known[options.pop("name")](env, **options)

    @classmethod
    def member(cls, cfg: dict[str, Any], env, seed: int):
        """One of a population that is trained from different seeds."""
        torch.manual_seed(seed)
        return cls.known[cfg["name"]](env, hidden_size=cfg.get("hidden_size", 128))
