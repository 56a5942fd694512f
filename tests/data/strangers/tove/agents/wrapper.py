"""What the trainer holds: builds the policy of the config and speaks for it."""

from __future__ import annotations

import torch
from torch import nn

from agents.flat import Flat
from agents.solid import Solid, Spare, Sturdy

REGISTRY: dict[str, type[nn.Module]] = {"solid": Solid, "sturdy": Sturdy, "spare": Spare, "flat": Flat}


class Agent(nn.Module):
    def __init__(self, env, cfg):
        super().__init__()
        self.policy = self.build(env, cfg)

    def build(self, env, cfg):
        cls = REGISTRY[cfg.agent_type]
        options = {k: v for k, v in cfg.items() if k not in {"agent_type", "_target_"}}
        return cls(env=env, **options)

    def forward(self, td, state=None, action=None):
        return self.policy(td, state, action)

    def activate_actions(self, names, max_params, device):
        counts = torch.tensor(max_params, device=device)
        zero = torch.zeros(1, dtype=torch.int64, device=device)
        self.policy.cum_action_max_params = torch.cat([zero, counts.cumsum(0)])
        rows = [(kind, arg) for kind, most in enumerate(max_params) for arg in range(most + 1)]
        self.policy.action_index_tensor = torch.tensor(rows, dtype=torch.int32, device=device)

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

    def l2_init_loss(self):
        loss = getattr(self.policy, "l2_init_loss", None)
        return loss() if loss else torch.tensor(0.0)


class CautiousAgent(Agent):
    """Bounds all weights, whatever the policy does itself."""

    def clip_weights(self):
        self.policy.clip_weights()
        with torch.no_grad():
            for p in self.policy.parameters():
                p.clamp_(-1.0, 1.0)


def small_agent(env, cfg):
    """For the tests of a new environment: no registry, the config's sizes."""
    return Solid(env, hidden_size=cfg.hidden_size, num_layers=cfg.num_layers)
