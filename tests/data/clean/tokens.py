"""Nets that read tokens one by one, in the wrapper's style."""

import torch
import torch.nn as nn

from .nets import orthogonal
from .wrapper import Forager


class TokenNet(nn.Module):
    """The mean over all tokens of what their attributes and values say."""

    def __init__(self, env, input_size=64, hidden_size=64):
        super().__init__()
        self.hidden_size = hidden_size
        self.is_continuous = False
        self.attributes = nn.Embedding(256, 16, padding_idx=255)
        nn.init.trunc_normal_(self.attributes.weight, std=0.5)
        with torch.no_grad():
            self.attributes.weight[255].zero_()
        self.encoder = orthogonal(nn.Linear(16, input_size))
        self.actor = orthogonal(nn.Linear(hidden_size, sum(largest + 1 for largest in env.max_action_args)))
        self.critic = orthogonal(nn.Linear(hidden_size, 1))

    def encode_observations(self, observations, state=None):
        places = observations[..., 0]
        values = observations[..., 2].float() / 255.0
        values = torch.where(places != 255, values, torch.zeros_like(values))
        tokens = (places != 255).sum(dim=1)
        summed = (self.attributes(observations[..., 1].long()) * values.unsqueeze(-1)).sum(dim=1)
        return torch.relu(self.encoder(summed / tokens.clamp(min=1).unsqueeze(-1)))

    def decode_actions(self, hidden):
        return self.actor(hidden), self.critic(hidden)


class PlaceNet(nn.Module):
    """What lies where, whatever its value, in a box with one place more than it has cells, for padding."""

    def __init__(self, env, input_size=64, hidden_size=64):
        super().__init__()
        self.hidden_size = hidden_size
        self.is_continuous = False
        self.width = env.obs_width
        self.height = env.obs_height
        self.kinds = nn.Embedding(256, 4, padding_idx=0)
        nn.init.orthogonal_(self.kinds.weight)
        self.kinds.weight.data[0] = 0.0
        self.encoder = orthogonal(nn.Linear(2 * self.width * self.height + 4, input_size))
        self.actor = orthogonal(nn.Linear(hidden_size, sum(largest + 1 for largest in env.max_action_args)))
        self.critic = orthogonal(nn.Linear(hidden_size, 1))

    def encode_observations(self, observations, state=None):
        places = observations[..., 0].long()
        columns, rows = places >> 4, places & 0x0F
        valid = (places != 255) & (columns < self.width) & (rows < self.height)
        values = observations[..., 2].float() / 255.0
        index = columns * self.height + rows
        size = self.width * self.height

        last = torch.zeros(observations.shape[0], size + 1, device=observations.device)
        last.scatter_(1, torch.where(valid, index, size), torch.where(valid, values, 0.0))
        first = values.new_zeros(observations.shape[0], size + 1)
        first.scatter_(1, torch.where(valid, index + 1, 0), torch.where(valid, values, 0.0))

        count = (places == 255).logical_not().sum(dim=1, keepdim=True)
        kinds = self.kinds(torch.where(valid, observations[..., 1].long(), 0)).sum(dim=1) / count.clamp(min=1)
        return torch.relu(self.encoder(torch.cat([last[:, :-1], first[:, 1:], kinds], dim=1)))

    def decode_actions(self, hidden):
        return self.actor(hidden), self.critic(hidden)


class Gatherer(Forager):
    def __init__(self, env, input_size=64, hidden_size=64, **config):
        net = TokenNet(env, input_size=input_size, hidden_size=hidden_size)
        super().__init__(env, net, input_size, hidden_size, **config)


class Surveyor(Forager):
    def __init__(self, env, input_size=64, hidden_size=64, **config):
        net = PlaceNet(env, input_size=input_size, hidden_size=hidden_size)
        super().__init__(env, net, input_size, hidden_size, **config)
