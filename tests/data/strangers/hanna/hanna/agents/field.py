import warnings

import torch
import torch.nn.functional as F
from torch import nn

from ..traits import Choosing, Clipping, Remembering, Slots, core


class Field(Remembering, Choosing, Clipping, nn.Module):
    """All parts of an agent but its forward."""

    def __init__(
        self, env, net=None, hidden_size=128, num_layers=2, clip_range=0.0, analyze_weights_interval=300, rows=512, **rest
    ):
        super().__init__()
        for name in rest:
            warnings.warn(f"{type(self).__name__} does not know the option {name!r}", stacklevel=3)
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        norms = torch.ones(256)
        norms[list(env.feature_normalizations)] = torch.tensor(list(env.feature_normalizations.values()))
        self.register_buffer("norms", norms.clamp(min=1e-3), persistent=False)
        self.kind = nn.Embedding(256, 32)
        self.spot = nn.Embedding(256, 32)
        self.net = net or nn.Sequential(nn.Linear(33, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU())
        self.core = core(128, hidden_size, num_layers)
        self.slots = Slots(num_layers, rows, hidden_size)
        self.actor = nn.Linear(hidden_size, 16)
        self.critic = nn.Sequential(nn.Linear(hidden_size, 128), nn.Tanh(), nn.Linear(128, 1))
        self.action_table = nn.Embedding(128, 16)
        nn.init.orthogonal_(self.action_table.weight)
        self.action_table.weight.data *= 0.1 / self.action_table.weight.data.abs().max()
        self.actions = 128
        self.remember_first()

    def remember_first(self):
        for index, module in enumerate(self.linear()):
            self.register_buffer(f"first_{index}", module.weight.detach().clone(), persistent=False)

    def encode(self, observations):
        spots, kinds, amounts = observations.long().unbind(-1)
        live = (spots != 255).unsqueeze(-1)
        amounts = (amounts / self.norms[kinds]).unsqueeze(-1)
        x = self.net(torch.cat([self.kind(kinds) + self.spot(spots), amounts], dim=-1))
        return (x * live).sum(1) / live.sum(1).clamp(min=1)

    def decide(self, hidden):
        scores = F.linear(self.actor(hidden).tanh(), self.action_table.weight[: self.actions])
        return scores.log_softmax(-1), self.critic(hidden).squeeze(-1)

    def l2_init_loss(self):
        return sum((m.weight - getattr(self, f"first_{i}")).square().sum() for i, m in enumerate(self.linear()))
