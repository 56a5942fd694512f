"""What the trainer holds: a policy chosen by settings, and the same for several processes."""

from __future__ import annotations

import logging

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from .policies import POLICIES
from .settings import AgentSettings

log = logging.getLogger(__name__)


def make_policy(env, settings: AgentSettings) -> nn.Module:
    cls = POLICIES[settings.kind]
    options = settings.policy.options()
    try:
        return cls(env, **options)
    except TypeError:
        log.warning("%s takes none of the weight options", cls.__name__)
        return cls(env, hidden_size=settings.policy.hidden_size)


def make_opponent(env, settings: AgentSettings) -> nn.Module:
    """Opponents are loaded into; what matters is that they have the right shape."""
    cls = POLICIES[settings.kind]
    opponent = cls(env, hidden_size=settings.policy.hidden_size, num_layers=settings.policy.num_layers)
    return opponent.requires_grad_(False)


class FlorisAgent(nn.Module):
    def __init__(self, env, settings: AgentSettings) -> None:
        super().__init__()
        self.settings = settings
        self.policy = make_policy(env, settings)

    def forward(self, td, state=None, action=None):
        return self.policy(td, state, action)

    def activate_actions(self, names: list[str], most: list[int], device: torch.device) -> None:
        self.policy.cum_action_max_params = torch.tensor([0, *most], device=device).cumsum(0)
        pairs = [(kind, argument) for kind, top in enumerate(most) for argument in range(top + 1)]
        self.policy.action_index_tensor = torch.tensor(pairs, dtype=torch.int32, device=device)
        full = [f"{names[kind]}_{argument}" for kind, argument in pairs]
        self.policy.activate_action_embeddings(full, device)

    def has_memory(self) -> bool:
        return self.policy.has_memory()

    def get_memory(self):
        return self.policy.get_memory()

    def set_memory(self, memory) -> None:
        self.policy.set_memory(memory)

    def reset_memory(self) -> None:
        self.policy.reset_memory()

    def l2_init_loss(self):
        return self.policy.l2_init_loss()

    def clip_weights(self) -> None:
        if hasattr(self.policy, "clip_weights"):
            self.policy.clip_weights()
        else:
            with torch.no_grad():
                for p in self.policy.parameters():
                    p.clamp_(-1.0, 1.0)


class DistributedFloris(DistributedDataParallel):
    """Everything that is not DDP's own is the agent's."""

    def __init__(self, agent: FlorisAgent, device: torch.device) -> None:
        agent = nn.SyncBatchNorm.convert_sync_batchnorm(agent)
        ids = None if device.type == "cpu" else [device]
        super().__init__(agent.to(device), device_ids=ids, output_device=ids and ids[0])

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.module, name)
