"""Tokens as nodes: neighbours on the grid exchange messages before they are pooled."""
from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

from .contract import PAD, SeqPolicy
from .layers import BoundedLinear, bounded_mlp
from .sets import nibbles


class NeighbourNet(SeqPolicy):
    reach = 2
    rounds = 2

    def build(self, env):
        self.embed = nn.Embedding(256, 31)
        self.send = nn.ModuleList(nn.Linear(32, 32) for _ in range(self.rounds))
        self.norm = nn.ModuleList(nn.LayerNorm(32) for _ in range(self.rounds))
        self.top = bounded_mlp(32, self.width, last=True)

    def links(self, tokens):
        x, y = nibbles(tokens[..., 0])
        there = tokens[..., 0] != PAD
        gap = (x.unsqueeze(1) - x.unsqueeze(2)).abs() + (y.unsqueeze(1) - y.unsqueeze(2)).abs()
        near = (gap <= self.reach) & there.unsqueeze(1) & there.unsqueeze(2)
        near = near.float()
        return near / near.sum(-1, keepdim=True).clamp(min=1.0), there

    def nodes(self, tokens):
        kind = tokens[..., 1].long()
        value = tokens[..., 2].float() / self.norms[kind]
        return torch.cat([self.embed(kind), value.unsqueeze(-1)], -1)

    def encode(self, tokens):
        near, there = self.links(tokens)
        z = self.nodes(tokens)
        for send, norm in zip(self.send, self.norm):
            z = norm(z + F.relu(near @ send(z)))
        weight = there.unsqueeze(-1).float()
        return self.top((z * weight).sum(1) / weight.sum(1).clamp(min=1.0))


class NeighbourNetDeep(NeighbourNet):
    """An extra pair of layers between the messages and the pool."""

    def build(self, env):
        super().build(env)
        self.squeeze = nn.Linear(32, 24)
        self.widen = nn.Linear(24, 32)

    def encode(self, tokens):
        near, there = self.links(tokens)
        z = self.nodes(tokens)
        for send, norm in zip(self.send, self.norm):
            z = norm(z + F.relu(near @ send(z)))
        small = self.squeeze(z)
        small = F.dropout(small, 0.1, self.training)
        z = F.relu(self.widen(small))
        weight = there.unsqueeze(-1).float()
        if (weight.sum(1) == 0).any():
            weight = weight + 1e-6
        return self.top((z * weight).sum(1) / weight.sum(1).clamp(min=1.0))


class NeighbourNetThin(NeighbourNet):
    """The same with a low-rank pair, and names for actions that keep their own place."""

    def build(self, env):
        super().build(env)
        self.squeeze = nn.Linear(32, 8, bias=False)
        self.widen = nn.Linear(8, 32)

    def encode(self, tokens):
        near, there = self.links(tokens)
        z = self.nodes(tokens)
        for send, norm in zip(self.send, self.norm):
            z = norm(z + F.relu(near @ send(z)))
        z = F.relu(self.widen(self.squeeze(z)))
        weight = there.unsqueeze(-1).float()
        return self.top((z * weight).sum(1) / weight.sum(1).clamp(min=1.0))

    def build_actor(self, env):
        self.names = nn.Embedding(self.n_actions, 16)
        with torch.no_grad():
            nn.init.orthogonal_(self.names.weight)
            self.names.weight.div_(self.names.weight.abs().max() * 10)
        self.aim = BoundedLinear(self.hidden_size + 16, 16)

    def scores(self, core):
        crowd = self.names.weight.mean(0).expand(core.shape[0], -1)
        query = torch.tanh(self.aim(torch.cat([core, crowd], -1)))
        return F.linear(query, self.names.weight)


class CrowdHead(NeighbourNet):
    """Reads off the action set as a whole."""

    def build_actor(self, env):
        self.names = nn.Embedding(self.n_actions, 16)
        with torch.no_grad():
            nn.init.orthogonal_(self.names.weight)
            self.names.weight.div_(self.names.weight.abs().max() * 10)
        self.aim = BoundedLinear(self.hidden_size + 16, 64)
        self.say = BoundedLinear(64, self.n_actions, gain=0.01)

    def scores(self, core):
        crowd = self.names.weight.mean(0).expand(core.shape[0], -1)
        return self.say(F.relu(self.aim(torch.cat([core, crowd], -1))))

    def clip_weights(self):
        if self.clip_range > 0:
            for weight in self.parameters():
                weight.detach().clamp(-self.clip_range, self.clip_range)


class FourierBands(SeqPolicy):
    """Sines of both coordinates; nothing is embedded but the feature id."""

    bands = 6

    def build(self, env):
        self.register_buffer("freqs", torch.logspace(0, self.bands - 1, self.bands, base=2.0))
        self.embed = nn.Embedding(256, 12)
        self.phi = bounded_mlp(13 + 4 * self.bands, 64, last=True)
        self.rho = bounded_mlp(64, self.width, last=True)

    def waves(self, coordinate):
        angle = (coordinate.float() / 10 * 2 - 1).unsqueeze(-1) * self.freqs
        return torch.cat([angle.cos(), angle.sin()], -1)

    def encode(self, tokens):
        x, y = nibbles(tokens[..., 0])
        kind = tokens[..., 1].long()
        there = (tokens[..., 0] != PAD).unsqueeze(-1)
        value = (tokens[..., 2].float() / self.norms[kind]).unsqueeze(-1)
        z = self.phi(torch.cat([self.embed(kind), self.waves(x), self.waves(y), value], -1))
        return self.rho(z.masked_fill(~there, 0.0).amax(1))


class FourierLinear(FourierBands):
    """Evenly spaced bands instead of octaves."""

    def __init__(self, env, **options):
        super().__init__(env, **options)
        self.steps = torch.linspace(0.5, 0.5 * self.bands, self.bands)

    def waves(self, coordinate):
        angle = (coordinate.float() / 10 * 2 - 1).unsqueeze(-1) * self.steps
        return torch.cat([angle.cos(), angle.sin()], -1)
