import torch
from torch import nn

from agents.base import RecurrentBase


class FourierEncoder(nn.Module):
    """Waves of the coordinates next to an embedding of the feature, attended by one learnt query."""

    def __init__(self, env, width, waves=6, embed=10):
        super().__init__()
        self.span = float(max(env.obs_width, env.obs_height) - 1)
        self.frequencies = 2.0 ** torch.arange(waves)
        most = torch.ones(256)
        for feature, bound in env.feature_normalizations.items():
            most[feature] = max(bound, 1e-3)
        self.register_buffer("most", most)
        self.kinds = nn.Embedding(256, embed)
        self.project = nn.Linear(embed + 4 * waves + 1, width)
        self.query = nn.Parameter(torch.randn(width) / width**0.5)

    def forward(self, tokens):
        byte = tokens[..., 0].long()
        x = (byte >> 4).float() / self.span * 2 - 1
        y = (byte & 15).float() / self.span * 2 - 1
        angles = torch.stack([x, y], -1)[..., None] * self.frequencies
        waves = torch.cat([angles.sin(), angles.cos()], -1).flatten(-2)
        kind = tokens[..., 1].long()
        amount = (tokens[..., 2].float() / self.most[kind]).unsqueeze(-1)
        joint = torch.cat([self.kinds(kind), waves, amount], -1)
        keys = torch.tanh(self.project(joint))
        scores = keys @ self.query
        rank = torch.arange(scores.shape[-1]) * 1e-4
        scores = (scores - rank).masked_fill(byte == 255, -1e9)
        return (scores.softmax(-1).unsqueeze(-1) * keys).sum(-2)


class FourierAgent(RecurrentBase):
    def build_encoder(self, env, width):
        return FourierEncoder(env, width)
