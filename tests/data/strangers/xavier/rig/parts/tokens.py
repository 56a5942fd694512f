import torch
from torch import nn

from .part import Part


class TokenBag(Part):
    """Sum of embedded tokens, padding left out."""

    def __init__(self, name, token_dim=64, **rest):
        super().__init__(name, **rest)
        self.token_dim = token_dim

    def build(self, sizes):
        self.attribute = nn.Embedding(256, self.token_dim)
        self.place = nn.Embedding(256, self.token_dim)
        return self.token_dim

    def forward(self, td):
        obs = td["env_obs"].long()
        tokens = self.attribute(obs[..., 1]) * obs[..., 2:] / 255 + self.place(obs[..., 0])
        td[self.name] = torch.where(obs[..., :1] == 255, 0.0, tokens).sum(-2)
        return td
