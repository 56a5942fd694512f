"""Configs to policies."""
from dataclasses import asdict, dataclass, field

import torch
import torch.nn as nn

from . import loose, molluscs

KINDS = {
    'abalone': molluscs.Abalone,
    'barnacle': molluscs.Barnacle,
    'clam': molluscs.Clam,
    'cockle': molluscs.Cockle,
    'dogwhelk': molluscs.Dogwhelk,
    'limpet': loose.Limpet,
    'mussel': molluscs.Mussel,
    'nautilus': molluscs.Nautilus,
    'oyster': molluscs.Oyster,
    'whelk': loose.Whelk,
}


@dataclass
class AgentConfig:
    kind: str = 'abalone'
    hidden_size: int = 128
    clip_range: float = 0.
    analyze_weights_interval: int = 300
    extra: dict = field(default_factory=dict)


def make_policy(env, cfg):
    options = asdict(cfg)
    extra = options.pop('extra')
    cls = KINDS[options.pop('kind')]
    return cls(env, **options, **extra)


def make_ensemble(env, cfg, members=3):
    """Policies that differ in nothing but their first weights."""
    cls = KINDS[cfg.kind]
    made = []
    for seed in range(members):
        torch.manual_seed(seed)
        made.append(cls(env, hidden_size=cfg.hidden_size))
    return made


class Agent(nn.Module):
    """Owns one policy, whichever the config asks for."""

    def __init__(self, env, cfg):
        super(Agent, self).__init__()
        self.cfg = cfg
        self.policy = self._create(env, cfg)

    def _create(self, env, cfg):
        cls = KINDS[cfg.kind]
        try:
            return cls(
                env,
                hidden_size=cfg.hidden_size,
                clip_range=cfg.clip_range,
                analyze_weights_interval=cfg.analyze_weights_interval,
            )
        except TypeError:
            return cls(env, hidden_size=cfg.hidden_size)

    def reset_memory(self):
        self.policy.reset_memory()

    def clip_weights(self):
        if hasattr(self.policy, 'clip_weights'):
            self.policy.clip_weights()
        else:
            with torch.no_grad():
                for p in self.policy.parameters():
                    p.clamp_(-1., 1.)
