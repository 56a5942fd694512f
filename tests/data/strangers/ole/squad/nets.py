import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def layer(module, gain=2 ** 0.5):
    nn.init.orthogonal_(module.weight, gain)
    if module.bias is not None:
        nn.init.zeros_(module.bias)
    return module


class Clipped(nn.Module):
    def clip_weights(self, bound):
        with torch.no_grad():
            for weight in self.parameters():
                weight.clamp_(-bound, bound)


class Planes(Clipped):
    """Separable convolutions over the box of tokens."""

    features = 128

    def __init__(self, env, hidden_size=128):
        super().__init__()
        self.width, self.height = env.obs_width, env.obs_height
        self.layers = 1 + max(env.feature_normalizations)
        norms = torch.ones(self.layers)
        for feature, norm in env.feature_normalizations.items():
            norms[feature] = norm if norm > 0 else 1.0
        self.register_buffer("norms", norms[:, None, None], persistent=False)
        self.along = nn.Conv2d(self.layers, 48, (1, 3), padding=(0, 1))
        self.across = nn.Conv2d(48, 48, (3, 1), padding=(1, 0))
        self.each = nn.Conv2d(48, 48, 3, padding=1, groups=48)
        self.mix = nn.Conv2d(48, 64, 1)
        self.fc = layer(nn.Linear(64 * self.width * self.height, self.features))
        self.actor = layer(nn.Linear(hidden_size, sum(m + 1 for m in env.max_action_args)), 0.01)
        self.critic = layer(nn.Linear(hidden_size, 1), 1.0)

    def encode_observations(self, observations, state=None):
        coords = observations[..., 0].long()
        x, y = coords.div(16, rounding_mode="floor"), coords.remainder(16)
        attributes = observations[..., 1].long()
        valid = (coords != 255) & (x < self.width) & (y < self.height) & (attributes < self.layers)
        row = torch.arange(len(coords), device=coords.device)[:, None].expand_as(coords)
        box = torch.zeros(len(coords), self.layers, self.width, self.height, device=coords.device)
        values = observations[..., 2].float() * valid
        box.index_put_((row, attributes * valid, x * valid, y * valid), values, accumulate=True)
        planes = F.relu(self.across(self.along(box / self.norms)))
        planes = F.relu(self.mix(self.each(planes)))
        return F.relu(self.fc(planes.flatten(1)))

    def decode_actions(self, hidden):
        return self.actor(hidden), self.critic(hidden)


class Contextual(Clipped):
    """The query knows the whole action set, and scores each of its members."""

    features = 96

    def __init__(self, env, hidden_size=128, capacity=128, width=16):
        super().__init__()
        self.attributes = nn.Embedding(256, 32)
        self.places = nn.Embedding(256, 32)
        self.values = nn.Linear(1, 32)
        self.fc = nn.Linear(64, self.features)
        self.actions = sum(m + 1 for m in env.max_action_args)
        table = torch.empty(capacity, width)
        nn.init.orthogonal_(table)
        self.table = nn.Embedding.from_pretrained(table * (0.1 / table.abs().max()), freeze=False)
        self.query = nn.Linear(hidden_size + width, width)
        self.critic = nn.Sequential(nn.Linear(hidden_size, 128), nn.Tanh(), nn.Linear(128, 1))

    def use_actions(self, count):
        self.actions = count

    def encode_observations(self, observations, state=None):
        tokens = observations.long()
        said = self.values(torch.log1p(observations[..., 2:].float()))
        each = F.gelu(said + self.attributes(tokens[..., 1]) + self.places(tokens[..., 0]))
        padding = (tokens[..., 0] == 255).unsqueeze(-1)
        most = each.masked_fill(padding, 0.0).amax(dim=1)
        mean = each.masked_fill(padding, 0.0).sum(dim=1) / (~padding).sum(dim=1).clamp(min=1)
        return torch.relu(self.fc(torch.cat([most, mean], dim=-1)))

    def decode_actions(self, hidden):
        rows = self.table.weight[: self.actions]
        around = rows.mean(0).expand(len(hidden), -1)
        query = self.query(torch.cat([hidden, around], dim=-1)).tanh()
        return F.linear(query, rows), self.critic(hidden)


class Rowwise(Clipped):
    """Every observation is scaled by its own largest value."""

    features = 64

    def __init__(self, env, hidden_size=128):
        super().__init__()
        self.tokens = env.single_observation_space.shape[0]
        self.embed = nn.Embedding(256, 8, padding_idx=255)
        nn.init.uniform_(self.embed.weight, -0.05, 0.05)
        self.embed.weight.data[self.embed.padding_idx] = 0.0
        self.fc = nn.Linear(self.tokens * 9, 128)
        self.out = nn.Linear(128, self.features)
        self.actor = nn.Linear(hidden_size, int(np.sum(np.asarray(env.max_action_args) + 1)))
        self.critic = nn.Linear(hidden_size, 1)

    def encode_observations(self, observations, state=None):
        value = observations[..., 2].float()
        value = value.masked_fill(observations[..., 0] == 255, 0.0)
        value = value / value.amax(dim=1, keepdim=True).clamp(min=1.0)
        what = self.embed(observations[..., 1].long())
        flat = torch.cat([what, value.unsqueeze(-1)], dim=-1).flatten(1)
        return F.elu(self.out(F.elu(self.fc(flat))))

    def decode_actions(self, hidden):
        return self.actor(hidden), self.critic(hidden)


class Flat(Clipped):
    """One linear layer over the box."""

    features = 128

    def __init__(self, env, hidden_size=128):
        super().__init__()
        self.width, self.height = env.obs_width, env.obs_height
        self.layers = max(env.feature_normalizations) + 1
        self.fc = layer(nn.Linear(self.layers * self.width * self.height, self.features))
        self.actor = layer(nn.Linear(hidden_size, sum(m + 1 for m in env.max_action_args)), 0.01)
        self.critic = layer(nn.Linear(hidden_size, 1), 1.0)

    def encode_observations(self, observations, state=None):
        coords = observations[..., 0].long()
        x, y = coords >> 4, coords & 15
        attributes = observations[..., 1].long()
        values = observations[..., 2].float()
        if values.max() > 1:
            values = values / 255.0
        valid = (coords != 255) & (x < self.width) & (y < self.height) & (attributes < self.layers)
        row = torch.arange(len(coords), device=coords.device)[:, None].expand_as(coords)
        box = torch.zeros(len(coords), self.layers, self.width, self.height, device=coords.device)
        box[row, attributes * valid, x * valid, y * valid] = values * valid
        return F.relu(self.fc(box.flatten(1)))

    def decode_actions(self, hidden):
        return self.actor(hidden), self.critic(hidden)


class Dims(Clipped):
    """Raw bytes, whitened, through two layers."""

    features = 128

    def __init__(self, env, hidden_size=128):
        super().__init__()
        self.fc1 = nn.Linear(int(np.prod(env.single_observation_space.shape)), 256)
        self.fc2 = nn.Linear(256, self.features)
        self.actor = nn.Linear(hidden_size, int(sum(env.single_action_space.nvec)))
        self.critic = nn.Linear(hidden_size, 1)

    def encode_observations(self, observations, state=None):
        flat = observations.flatten(1).float()
        flat = flat / flat.max()
        return F.relu(self.fc2(F.relu(self.fc1(flat))))

    def decode_actions(self, hidden):
        return self.actor(hidden), self.critic(hidden)


class Fused(Clipped):
    """Token embeddings, fused by a small MLP, against a table of actions."""

    features = 64

    def __init__(self, env, hidden_size=128, capacity=128):
        super().__init__()
        self.actions = sum(m + 1 for m in env.max_action_args)
        self.what = nn.Embedding(256, 24, padding_idx=255)
        self.where = nn.Embedding(256, 24, padding_idx=255)
        for table in (self.what, self.where):
            nn.init.normal_(table.weight, std=0.1)
        self.lift = nn.Linear(49, 96)
        self.fuse = nn.Linear(96, self.features)
        self.table = nn.Parameter(torch.empty(capacity, 32))
        nn.init.orthogonal_(self.table)
        with torch.no_grad():
            self.table /= self.table.abs().max() * 10.0
        self.query = nn.Linear(hidden_size, 32)
        self.critic = nn.Linear(hidden_size, 1)

    def use_actions(self, count):
        self.actions = count

    def encode_observations(self, observations, state=None):
        tokens = observations.long()
        amount = observations[..., 2:].float() / 255.0
        each = torch.cat([self.what(tokens[..., 1]), self.where(tokens[..., 0]), amount], dim=-1)
        there = (tokens[..., 0] != 255).unsqueeze(-1)
        fused = self.fuse(self.lift(each))
        return torch.relu((fused * there).sum(dim=1))

    def decode_actions(self, hidden):
        scores = self.query(hidden).matmul(self.table[: self.actions].t())
        return scores.tanh(), self.critic(hidden)
