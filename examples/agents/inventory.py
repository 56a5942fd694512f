"""A net without a defect: how much of each attribute is in sight, and on which side of the window."""

import torch
from torch import nn


class InventoryNet(nn.Module):
    """Sums the tokens of each attribute, weighted with 1, x and y; two linear heads on top."""

    def __init__(self, env, input_size=64, hidden_size=64):
        super().__init__()
        self.hidden_size = hidden_size
        self.width, self.height = env.obs_width, env.obs_height
        self.kinds = len(env.feature_normalizations)
        scale = torch.tensor([float(env.feature_normalizations[kind]) for kind in range(self.kinds)])
        self.register_buffer("scale", scale)

        self.mix = nn.Linear(3 * self.kinds, input_size)
        self.critic = nn.Linear(hidden_size, 1)
        self.actor = nn.Linear(hidden_size, sum(largest + 1 for largest in env.max_action_args))

    def encode_observations(self, observations, state=None):
        tokens = observations.flatten(0, -3)  # [B, M, 3] or [B, T, M, 3] -> rows
        coords, kind = tokens[..., 0].long(), tokens[..., 1].long()
        x, y = coords >> 4, coords & 15

        valid = (coords != 255) & (x < self.width) & (y < self.height) & (kind < self.kinds)
        kind = kind.where(valid, 0)
        value = tokens[..., 2].float() / self.scale[kind] * valid

        weights = torch.stack([torch.ones_like(value), x / self.width, y / self.height], dim=1)  # [N, 3, M]
        sums = value.new_zeros(len(tokens), 3, self.kinds)
        sums.scatter_add_(2, kind.unsqueeze(1).expand_as(weights), weights * value.unsqueeze(1))
        return torch.relu(self.mix(sums.flatten(1)))

    def decode_actions(self, hidden):
        return self.actor(hidden), self.critic(hidden)
