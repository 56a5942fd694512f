"""What stands between observation and core, and between core and actions."""

import torch
import torch.nn as nn


def orthogonal(layer, gain=1.0):
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer


class BoxNet(nn.Module):
    """Tokens to a box, a convolution over it, and a bilinear head over action embeddings."""

    def __init__(self, env, input_size=64, hidden_size=64):
        super().__init__()
        self.hidden_size = hidden_size
        self.is_continuous = False
        self.width = env.obs_width
        self.height = env.obs_height
        self.features = max(env.feature_normalizations) + 1
        scale = torch.ones(self.features)
        for feature, largest in env.feature_normalizations.items():
            scale[feature] = largest
        self.register_buffer("scale", scale.view(1, -1, 1, 1))

        self.conv = orthogonal(nn.Conv2d(self.features, 8, kernel_size=3, padding=1))
        self.embed = orthogonal(nn.Linear(8 * self.width * self.height, input_size))

        self.critic_hidden = orthogonal(nn.Linear(hidden_size, 64), 2**0.5)
        self.critic = orthogonal(nn.Linear(64, 1))

        self.actor_hidden = orthogonal(nn.Linear(hidden_size, 32))
        self.actor_query = nn.Parameter(torch.empty(32, 8))
        nn.init.uniform_(self.actor_query, -(32**-0.5), 32**-0.5)
        actions = sum(largest + 1 for largest in env.max_action_args)
        self.action_embeddings = nn.Embedding(actions, 8)
        nn.init.orthogonal_(self.action_embeddings.weight)
        with torch.no_grad():
            self.action_embeddings.weight.mul_(0.1 / self.action_embeddings.weight.abs().max())

    def encode_observations(self, observations, state=None):
        places = observations[..., 0].long()
        attributes = observations[..., 1].long()
        values = observations[..., 2].float()
        columns, rows = places >> 4, places & 0x0F

        valid = places != 255
        valid = valid & (columns < self.width)
        valid = valid & (rows < self.height)
        valid = valid & (attributes < self.features)

        index = (attributes * self.width + columns) * self.height + rows
        index = torch.where(valid, index, torch.zeros_like(index))
        values = torch.where(valid, values, torch.zeros_like(values))
        size = self.features * self.width * self.height
        box = torch.zeros(observations.shape[0], size, device=observations.device)
        box = box.scatter_add(1, index, values)
        box = box.view(-1, self.features, self.width, self.height)
        box = box / self.scale

        hidden = torch.relu(self.conv(box))
        hidden = hidden.flatten(1)
        hidden = torch.relu(self.embed(hidden))
        return hidden

    def decode_actions(self, hidden):
        value = self.critic(torch.tanh(self.critic_hidden(hidden)))
        query = torch.relu(self.actor_hidden(hidden))
        query = torch.tanh(query @ self.actor_query)
        scores = query @ self.action_embeddings.weight.T
        return scores, value


class FlatNet(nn.Module):
    """Every token as it comes, one hidden layer, one linear head over the joint actions."""

    def __init__(self, env, input_size=64, hidden_size=64):
        super().__init__()
        self.hidden_size = hidden_size
        self.is_continuous = False
        tokens, channels = env.single_observation_space.shape
        self.encoder = nn.Sequential(
            orthogonal(nn.Linear(tokens * channels, 128)),
            nn.ReLU(),
            orthogonal(nn.Linear(128, input_size)),
            nn.ReLU(),
        )
        self.actor = orthogonal(nn.Linear(hidden_size, sum(largest + 1 for largest in env.max_action_args)))
        self.critic = orthogonal(nn.Linear(hidden_size, 1))

    def encode_observations(self, observations, state=None):
        real = observations[..., :1] != 255
        tokens = torch.where(real, observations, torch.zeros_like(observations))
        return self.encoder(tokens.flatten(1).float() / 255.0)

    def decode_actions(self, hidden):
        return self.actor(hidden), self.critic(hidden)
