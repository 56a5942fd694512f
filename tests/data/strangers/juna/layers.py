import math

import torch
import torch.nn as nn


def dense(n_in, n_out, gain=math.sqrt(2)):
    layer = nn.Linear(n_in, n_out)
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer


def make_lstm(n_in, n_out, depth=2):
    lstm = nn.LSTM(n_in, n_out, depth, batch_first=True)
    for i in range(depth):
        for kind in ("ih", "hh"):
            nn.init.orthogonal_(getattr(lstm, "weight_%s_l%d" % (kind, i)))
            nn.init.constant_(getattr(lstm, "bias_%s_l%d" % (kind, i)), 1)
    return lstm


class BagNet(nn.Module):
    """Sums what the tokens say. The order of tokens does not matter."""

    def __init__(self, env, width):
        super(BagNet, self).__init__()
        self.n_tokens = env.single_observation_space.shape[0]
        n_features = max(env.feature_normalizations) + 1
        scale = torch.ones(n_features)
        for key in env.feature_normalizations:
            scale[key] = env.feature_normalizations[key]
        self.fallback = float(scale.mean())
        self.register_buffer("scale", scale.clamp(min=1e-3), persistent=False)
        self.features = nn.Embedding(256, 16)
        self.places = nn.Embedding(256, 16)
        self.mix = dense(33, width)
        self.out = dense(width, width)

    def forward(self, obs):
        place, feature, amount = obs.long().unbind(-1)
        known = feature < self.scale.numel()
        divisor = torch.where(known, self.scale[feature.clamp(max=self.scale.numel() - 1)], self.fallback)
        parts = [self.features(feature), self.places(place), (amount / divisor).unsqueeze(-1)]
        each = torch.relu(self.mix(torch.cat(parts, -1)))
        if obs.shape[1] > self.n_tokens:
            each = each[:, :self.n_tokens]
            place = place[:, :self.n_tokens]
        keep = (place != 255).unsqueeze(-1).to(each.dtype)
        with torch.device(obs.device):
            least = torch.ones(obs.shape[0], 1)
        total = (each * keep).sum(1) / torch.maximum(keep.sum(1), least)
        return torch.relu(self.out(total))


class ScanNet(nn.Module):
    """Reads the tokens in chunks, and stops where the longest row of the batch does."""

    CHUNK = 32

    def __init__(self, env, width):
        super(ScanNet, self).__init__()
        self.embed = dense(3, width)
        self.out = dense(width, width)
        self.unit = torch.full((3,), 1.0 / 255.0)
        self.longest = 0

    def forward(self, obs):
        lengths = (obs[:, :, 0] != 255).sum(1)
        self.longest = max(self.longest, int(lengths.max()))
        total = self.embed.weight.new_zeros(obs.shape[0], self.embed.out_features)
        start = 0
        while (lengths > start).any():
            tokens = obs[:, start:start + self.CHUNK].float() * self.unit
            place = torch.arange(start, start + tokens.shape[1])
            used = (place.unsqueeze(0) < lengths.unsqueeze(1)).unsqueeze(-1)
            total = total + (torch.relu(self.embed(tokens)) * used).sum(1)
            start += self.CHUNK
        return torch.relu(self.out(total / self.CHUNK))
