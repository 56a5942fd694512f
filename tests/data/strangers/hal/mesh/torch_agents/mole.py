"""Mole: reads its options from the config by name, and refuses others."""

import torch
import torch.nn.functional as F
from torch import nn

from .wrapper import LSTMWrapper


class MoleNet(nn.Module):
    def __init__(self, env, input_size, hidden_size, embed_dim):
        super().__init__()
        norms = env.feature_normalizations
        table = torch.tensor([max(norms.get(i, 1.0), 1.0) for i in range(256)])
        self.register_buffer("table", table)
        self.attributes = nn.Embedding(257, embed_dim, padding_idx=256)
        self.cell = nn.Embedding(256, embed_dim)
        self.merge = nn.Sequential(nn.Linear(embed_dim + 1, input_size), nn.ReLU())
        self.encoded = nn.Linear(input_size, input_size)
        self.critic = nn.Sequential(nn.Linear(hidden_size, 512), nn.Tanh(), nn.Linear(512, 1))
        self.query = nn.Linear(hidden_size, 16)
        self.action_embeddings = nn.Embedding(128, 16)
        nn.init.orthogonal_(self.action_embeddings.weight)
        peak = self.action_embeddings.weight.detach().abs().max()
        self.action_embeddings.weight.data.div_(peak).mul_(0.1)
        self.num_actions = 128

    def activate_action_embeddings(self, full_action_names, device):
        self.num_actions = len(full_action_names)

    def encode_observations(self, tokens):
        coords = tokens[..., 0].long()
        padding = coords == 255
        kinds = tokens[..., 1].long()
        amount = tokens[..., 2].float() / self.table[kinds]
        x = self.attributes(kinds.masked_fill(padding, 256)) + self.cell(coords)
        x = self.merge(torch.cat((x, amount[..., None]), dim=-1))
        x = x.masked_fill(padding[..., None], 0.0)
        count = (~padding).sum(dim=1, keepdim=True).clamp(min=1)  # a full row counts all its tokens
        return F.relu(self.encoded(x.sum(dim=1) / count))

    def decode_actions(self, features):
        rows = self.action_embeddings.weight[: self.num_actions]
        return torch.tanh(self.query(features)) @ rows.t(), self.critic(features)


class Mole(LSTMWrapper):
    def __init__(self, env, input_size=128, hidden_size=128, embed_dim=32, **kwargs):
        net = MoleNet(env, input_size, hidden_size, embed_dim)
        super().__init__(env, net, input_size, hidden_size, **kwargs)
