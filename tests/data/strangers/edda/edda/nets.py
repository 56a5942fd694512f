import torch
import torch.nn as nn
import torch.nn.functional as F

from edda.layers import ActionScores, norm_table, tuned


class TokenNet(nn.Module):
    """Reads the tokens as a set."""

    def __init__(self, env, width=128, hidden_size=128, embed_dim=16, token_dim=24):
        super().__init__()
        self.width = width
        self.attribute = nn.Embedding(256, token_dim)
        self.place = nn.Embedding(256, token_dim)
        self.register_buffer("norm", norm_table(env), persistent=False)
        self.lift = tuned(nn.Linear(token_dim + 1, width))
        self.mix = tuned(nn.Linear(width, width))
        self.critic = nn.Sequential(tuned(nn.Linear(hidden_size, 256), 2**0.5), nn.Tanh(), tuned(nn.Linear(256, 1)))
        self.actor = tuned(nn.Linear(hidden_size, 256))
        self.scores = ActionScores(256, embed_dim)

    def encode_observations(self, observations, state=None):
        coords, attributes, values = observations.long().unbind(-1)
        real = (coords != 255).unsqueeze(-1)
        scaled = (values / self.norm[attributes]).unsqueeze(-1)
        tokens = torch.cat([self.attribute(attributes) + self.place(coords), scaled], dim=-1)
        tokens = F.relu(self.lift(tokens)) * real
        pooled = tokens.sum(1) / real.sum(1).clamp(min=1)
        return F.relu(self.mix(pooled))

    def decode_actions(self, hidden, state=None):
        logits = self.scores(F.relu(self.actor(hidden)))
        return logits, self.critic(hidden).squeeze(-1)


class BoxNet(TokenNet):
    """Reads the tokens as layers of a map."""

    def __init__(self, env, width=128, hidden_size=128, embed_dim=16, channels=32):
        super().__init__(env, width, hidden_size, embed_dim)
        self.size = (max(env.feature_normalizations) + 1, env.obs_width, env.obs_height)
        features, across, down = self.size
        self.conv = nn.Conv2d(features, channels, 3, padding=1)
        self.pool = tuned(nn.Linear(channels * across * down, width))

    def encode_observations(self, observations, state=None):
        features, across, down = self.size
        coords, attributes, values = observations.long().unbind(-1)
        x, y = coords >> 4, coords & 15
        inside = (coords != 255) & (x < across) & (y < down) & (attributes < features)
        spare = features * across * down
        cell = torch.where(inside, (attributes * across + x) * down + y, spare)
        flat = torch.zeros(observations.shape[0], spare + 1, device=observations.device)
        flat.scatter_(1, cell, values / self.norm[attributes])
        box = flat[:, :-1].view(-1, features, across, down)
        return F.relu(self.pool(F.relu(self.conv(box)).flatten(1)))
