"""Heads for action spaces of the form (type, argument)."""
from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

from .contract import PAD
from .layers import BoundedLinear
from .sets import DeepSets


class TypePlusArgument(DeepSets):
    """One score for the type, one for the argument; a joint action has the sum of both."""

    def build_actor(self, env):
        self.trunk = BoundedLinear(self.hidden_size, self.hidden_size)
        self.types = BoundedLinear(self.hidden_size, len(self.max_args), gain=0.01)
        self.args = BoundedLinear(self.hidden_size, max(self.max_args) + 1, gain=0.01)

    def scores(self, core):
        z = F.relu(self.trunk(core))
        kind, arg = self.action_index_tensor.long().unbind(-1)
        return self.types(z)[:, kind] + self.args(z)[:, arg]


class PerDimension(DeepSets):
    """One head for each dimension of the action space, side by side."""

    def build_actor(self, env):
        self.trunk = BoundedLinear(self.hidden_size, self.hidden_size)
        self.heads = nn.ModuleList(
            [BoundedLinear(self.hidden_size, int(n), gain=0.01) for n in env.single_action_space.nvec])

    def scores(self, core):
        z = F.relu(self.trunk(core))
        return torch.cat([head(z) for head in self.heads], dim=-1)


class FlatRows(DeepSets):
    """Keeps a table of its own: where each type begins."""

    def build_actor(self, env):
        super().build_actor(env)
        sizes = torch.tensor([m + 1 for m in self.max_args])
        self.register_buffer("begins", sizes.cumsum(0) - sizes)

    def _convert_action_to_logit_index(self, pairs):
        pairs = pairs.reshape(-1, 2).long()
        return self.begins[pairs[:, 0]] + pairs[:, 1]


class ShortIndex(DeepSets):
    """Tokens of value zero are let through; the index is looked up in one go."""

    def _convert_action_to_logit_index(self, pairs):
        pairs = pairs.reshape(-1, 2).long()
        return self.cum_action_max_params.gather(0, pairs[:, 0]) + pairs[:, 1]

    def encode(self, tokens):
        tokens = torch.where(tokens == PAD, torch.zeros_like(tokens), tokens)
        place, kind = tokens[..., 0].long(), tokens[..., 1].long()
        there = (place != PAD).unsqueeze(-1)
        value = tokens[..., 2:].float() / self.norms[kind].unsqueeze(-1)
        feats = self.phi(torch.cat([self.kind(kind), self.where(place), value], -1))
        return self.rho((feats * there).sum(1) / there.sum(1).clamp(min=1))
