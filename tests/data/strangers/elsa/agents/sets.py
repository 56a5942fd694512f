"""Policies that treat an observation as a set: sums, queries, gates."""
from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

from .contract import PAD, SeqPolicy
from .layers import BoundedLinear, bounded_mlp


def nibbles(place: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    place = place.long()
    return place >> 4, place & 15


class DeepSets(SeqPolicy):
    """Sum of per-token features over the tokens that are there."""

    def build(self, env):
        self.kind = nn.Embedding(256, 16, padding_idx=PAD)
        nn.init.trunc_normal_(self.kind.weight, std=0.02)
        with torch.no_grad():
            self.kind.weight[self.kind.padding_idx].fill_(0.0)
        self.where = nn.Embedding(256, 16)
        self.phi = bounded_mlp(33, 64, 64, last=True)
        self.rho = bounded_mlp(64, self.width, last=True)

    def encode(self, tokens):
        place, kind = tokens[..., 0].long(), tokens[..., 1].long()
        there = (place != PAD).unsqueeze(-1)
        value = tokens[..., 2:].float() / self.norms[kind].unsqueeze(-1)
        feats = self.phi(torch.cat([self.kind(kind), self.where(place), value], -1))
        total = (feats * there).sum(1) / there.sum(1).clamp(min=1)
        return self.rho(total)


class QueryPool(SeqPolicy):
    """A handful of learnt queries read the tokens; short rows are read short."""

    queries = 4

    def build(self, env):
        self.kind = nn.Embedding(256, 24)
        self.inward = bounded_mlp(27, 64, last=True)
        self.key = nn.Linear(64, 32, bias=False)
        self.val = nn.Linear(64, 32, bias=False)
        self.q = nn.Parameter(torch.randn(self.queries, 32) * 0.02)
        self.out = bounded_mlp(32 * self.queries, self.width, last=True)

    def encode(self, tokens):
        x, y = nibbles(tokens[..., 0])
        kind = tokens[..., 1].long()
        value = tokens[..., 2].float() / self.norms[kind]
        rest = torch.stack([x / 15.0, y / 15.0, value], -1)
        z = self.inward(torch.cat([self.kind(kind), rest], -1))
        lengths = (tokens[..., 0] == PAD).int().argmax(dim=1)
        slot = torch.arange(tokens.shape[1])
        void = slot.unsqueeze(0) >= lengths.unsqueeze(1)
        att = torch.einsum("qd,bmd->bqm", self.q, self.key(z)) / 32 ** 0.5
        att = att.masked_fill(void.unsqueeze(1), -1e9).softmax(-1)
        return self.out(torch.einsum("bqm,bmd->bqd", att, self.val(z)).flatten(1))


class QueryPoolFull(QueryPool):
    """As above; a row that is full to the brim keeps all its tokens."""

    def encode(self, tokens):
        x, y = nibbles(tokens[..., 0])
        kind = tokens[..., 1].long()
        value = tokens[..., 2].float() / self.norms[kind]
        rest = torch.stack([x / 15.0, y / 15.0, value], -1)
        z = self.inward(torch.cat([self.kind(kind), rest], -1))
        pad = tokens[..., 0] == PAD
        first = pad.int().argmax(dim=1)
        lengths = torch.where(pad.any(dim=1), first, pad.shape[1])
        slot = torch.arange(tokens.shape[1], device=tokens.device)
        void = slot.unsqueeze(0) >= lengths.unsqueeze(1)
        att = torch.einsum("qd,bmd->bqm", self.q, self.key(z)) / 32 ** 0.5
        att = att.masked_fill(void.unsqueeze(1), -1e9).softmax(-1)
        return self.out(torch.einsum("bqm,bmd->bqd", att, self.val(z)).flatten(1))

    def build_actor(self, env):
        self.aim = BoundedLinear(self.hidden_size, 16)
        self.names = nn.Embedding(self.n_actions, 16)
        nn.init.orthogonal_(self.names.weight)
        self.names.weight.data *= 0.1 / self.names.weight.data.abs().max()

    def scores(self, core):
        raw = torch.tanh(self.aim(core)) @ self.names.weight.T
        return 10.0 * torch.tanh(raw)


class SoftExperts(DeepSets):
    """Every expert sees every token; a gate says how much it counts."""

    experts = 4

    def build(self, env):
        super().build(env)
        self.gate = nn.Linear(33, self.experts)
        self.up = nn.Parameter(torch.randn(self.experts, 33, 64) / 33 ** 0.5)
        self.down = nn.Parameter(torch.randn(self.experts, 64, 64) / 8.0)

    def encode(self, tokens):
        place, kind = tokens[..., 0].long(), tokens[..., 1].long()
        there = (place != PAD).unsqueeze(-1)
        value = tokens[..., 2:].float() / self.norms[kind].unsqueeze(-1)
        t = torch.cat([self.kind(kind), self.where(place), value], -1)
        share = self.gate(t)
        best, which = share.topk(2, dim=-1)
        share = torch.zeros_like(share).scatter(-1, which, best.softmax(-1))
        inner = F.gelu(torch.einsum("bmi,eih->bmeh", t, self.up))
        mixed = torch.einsum("bmeh,eho,bme->bmo", inner, self.down, share)
        total = (F.gelu(mixed) * there).sum(1) / there.sum(1).clamp(min=1)
        return self.rho(total)


class HardExperts(SoftExperts):
    """Only the chosen expert is run on a token."""

    def build(self, env):
        super().build(env)
        self.wise = nn.ModuleList(bounded_mlp(33, 64, 64, last=True) for _ in range(self.experts))

    def encode(self, tokens):
        place, kind = tokens[..., 0].long(), tokens[..., 1].long()
        there = (place != PAD).unsqueeze(-1)
        value = tokens[..., 2:].float() / self.norms[kind].unsqueeze(-1)
        t = torch.cat([self.kind(kind), self.where(place), value], -1)
        prob, choice = self.gate(t).softmax(-1).max(-1)
        mixed = t.new_zeros(*t.shape[:2], 64)
        for number, expert in enumerate(self.wise):
            mine = choice == number
            if mine.any():
                mixed[mine] = expert(t[mine]) * prob[mine].unsqueeze(-1)
        total = (mixed * there).sum(1) / there.sum(1).clamp(min=1)
        return self.rho(total)

    def l2_init_loss(self):
        loss = torch.zeros((), device=self.norms.device)
        for expert in self.wise:
            for layer in expert:
                if isinstance(layer, BoundedLinear):
                    loss = loss + (layer.weight.detach() - layer.start).pow(2).sum()
        return loss
