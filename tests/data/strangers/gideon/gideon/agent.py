"""What the trainer sees."""

from __future__ import annotations

from pathlib import Path

import torch
import yaml
from torch import nn

from .native import Fast, Plain, Steady
from .policy import GraphPolicy

NATIVE = {"fast": Fast, "plain": Plain, "steady": Steady}
OURS = ("agent_type", "_target_", "defaults")


def read_config(path: Path) -> dict:
    """A config, on top of those that its `defaults` name."""
    config = yaml.safe_load(path.read_text())
    merged: dict = {}
    for name in config.get("defaults", []):
        for key, value in read_config(path.parent / f"{name}.yaml").items():
            merged[key] = {**merged.get(key, {}), **value} if isinstance(value, dict) else value
    for key, value in config.items():
        merged[key] = {**merged.get(key, {}), **value} if isinstance(value, dict) else value
    return merged


class GideonAgent(nn.Module):
    def __init__(self, env, agent_cfg: dict):
        super().__init__()
        self.policy = self._create(env, agent_cfg)

    def _create(self, env, agent_cfg):
        cls = NATIVE.get(agent_cfg.get("agent_type"))
        if cls is not None:
            return cls(env, hidden_size=agent_cfg.get("hidden_size", 128))
        return GraphPolicy(env, **{key: value for key, value in agent_cfg.items() if key not in OURS})

    def forward(self, td, state=None, action=None):
        return self.policy(td, state, action)

    def activate_actions(self, names, most, device):
        pairs = [(kind, argument) for kind, top in enumerate(most) for argument in range(top + 1)]
        self.policy.action_index_tensor = torch.tensor(pairs, dtype=torch.int32, device=device)
        self.policy.cum_action_max_params = torch.cumsum(torch.tensor([0, *most], device=device), dim=0)
        self.policy.activate_action_embeddings([f"{names[kind]}_{argument}" for kind, argument in pairs], device)

    def has_memory(self):
        return self.policy.has_memory()

    def get_memory(self):
        return self.policy.get_memory()

    def set_memory(self, memory):
        self.policy.set_memory(memory)

    def reset_memory(self):
        self.policy.reset_memory()

    def clip_weights(self):
        self.policy.clip_weights()
        with torch.no_grad():
            for weight in self.policy.parameters():
                weight.clamp_(-1, 1)

    def l2_init_loss(self):
        return self.policy.l2_init_loss() if hasattr(self.policy, "l2_init_loss") else 0.0
