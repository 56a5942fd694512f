"""Attends to the tokens themselves; no box."""

import torch
import torch.nn.functional as F
from torch import nn

from .base import FlockAgent
from .heads import BilinearHead, orthogonal

PAD = 255


class Heron(FlockAgent):
    dim = 32
    queries = 4

    def build(self, env) -> None:
        scale = torch.ones(256)
        for feature, norm in env.feature_normalizations.items():
            scale[feature] = norm if norm > 0 else 1.0
        self.register_buffer("scale", scale)
        self.attributes = nn.Embedding(256, self.dim, padding_idx=PAD)
        nn.init.trunc_normal_(self.attributes.weight, std=0.02)
        with torch.no_grad():
            self.attributes.weight[PAD].zero_()
        self.places = nn.Embedding(256, self.dim)
        self.token = orthogonal(nn.Linear(self.dim + 1, self.dim))
        self.latent = nn.Parameter(torch.empty(1, self.queries, self.dim))
        nn.init.trunc_normal_(self.latent, std=0.02)
        self.norm = nn.LayerNorm(self.dim)
        self.attend = nn.MultiheadAttention(self.dim, 4, batch_first=True)
        self.out = orthogonal(nn.Linear(self.queries * self.dim, self.hidden_size))
        self.critic_1 = orthogonal(nn.Linear(self.hidden_size, 1024), 2**0.5)
        self.critic_2 = orthogonal(nn.Linear(1024, 1))
        self.actor = BilinearHead(self.hidden_size)

    def activate_action_embeddings(self, full_action_names, device) -> None:
        self.actor.activate_action_embeddings(full_action_names, device)

    def encode(self, tokens):
        place, attribute, value = tokens.long().unbind(-1)
        padding = place == PAD
        # a row of padding alone would attend to nothing, which is NaN
        padding[:, 0] = False
        amount = value / self.scale[attribute]
        x = self.attributes(attribute) + self.places(place)
        x = F.gelu(self.token(torch.cat([x, amount.unsqueeze(-1)], dim=-1)))
        x = self.norm(x)
        latent = self.latent.expand(tokens.shape[0], -1, -1)
        latent, _ = self.attend(latent, x, x, key_padding_mask=padding, need_weights=False)
        return F.relu(self.out(F.relu(latent).flatten(1)))

    def decode(self, features):
        return self.actor(features), self.critic_2(torch.tanh(self.critic_1(features)))
