"""Ablations of the heads."""

import torch
import torch.nn as nn

from ..agent import GridMemoryAgent


class MeanHeadAgent(GridMemoryAgent):
    """Heads of one layer per action dimension, which see the actions as one bag."""

    def __init__(self, env, hidden_size=128, **options):
        super().__init__(env, hidden_size=hidden_size, **options)
        self.actor = nn.Linear(hidden_size, 256)
        self.heads = nn.ModuleList(nn.Linear(256 + 16, int(n)) for n in env.single_action_space.nvec)

    def encode(self, tokens):
        # Unused tokens would blow up the box.
        tokens[tokens == 255] = 0
        return super().encode(tokens)

    def decode(self, hidden):
        bag = self.action_embeddings.weight.mean(dim=0).expand(hidden.shape[0], -1)
        seen = torch.cat([self.actor(hidden), bag], dim=-1)
        logits = torch.cat([head(seen) for head in self.heads], dim=-1)
        return logits, self.critic(hidden)

    def clip_weights(self):
        if self.clip_range > 0:
            for head in (self.actor, *self.heads):
                head.weight.clamp_(-self.clip_range, self.clip_range)
