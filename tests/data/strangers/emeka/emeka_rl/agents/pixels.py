from __future__ import annotations

import torch
import torch.nn as nn
from torch import Tensor

from emeka_rl.core.base import RecurrentAgent


def init(layer: nn.Module, gain: float = 1.0) -> nn.Module:
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer


class Pixels(RecurrentAgent):
    """The tokens as an image."""

    channels = 64

    def make_net(self, env) -> nn.Module:
        return PixelNet(env, self.channels, self.hidden_size)


class PixelsNarrow(Pixels):
    channels = 16

    def __init__(self, env, **kwargs) -> None:
        super().__init__(env, hidden_size=64)
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                nn.init.orthogonal_(module.weight, 1.0)

    def reset_memory(self) -> None:
        pass

    def evaluate(self, td, action, log_probs, value) -> None:
        index = torch.multinomial(log_probs.exp(), 1)
        td["act_log_prob"] = log_probs.gather(1, index).view(-1)
        td["values"] = value
        td["full_log_probs"] = log_probs


class PixelNet(nn.Module):
    def __init__(self, env, channels: int, width: int) -> None:
        super().__init__()
        self.shape = (max(env.feature_normalizations) + 1, env.obs_width, env.obs_height)
        scale = torch.ones(self.shape[0], 1, 1)
        for feature, value in env.feature_normalizations.items():
            scale[feature] = value if value > 0 else 1.0
        self.register_buffer("scale", scale)
        self.conv = nn.Sequential(
            init(nn.Conv2d(self.shape[0], channels, 5, stride=3), 2**0.5),
            nn.ReLU(),
            init(nn.Conv2d(channels, channels, 3), 2**0.5),
            nn.ReLU(),
            nn.Flatten(),
        )
        with torch.no_grad():
            flat = self.conv(torch.zeros(1, *self.shape)).shape[-1]
        self.out = nn.Sequential(init(nn.Linear(flat, width), 2**0.5), nn.ReLU())
        self.actor = nn.Sequential(
            init(nn.Linear(width, 256)), nn.ReLU(), init(nn.Linear(256, sum(n + 1 for n in env.max_action_args)), 0.01)
        )
        self.critic = init(nn.Linear(width, 1))

    def image(self, tokens: Tensor) -> Tensor:
        layers, width, height = self.shape
        place, layer, value = (part.squeeze(-1) for part in tokens.long().split(1, dim=-1))
        x, y = place.div(16, rounding_mode="floor"), place.remainder(16)
        valid = place.ne(255) & x.lt(width) & y.lt(height) & layer.lt(layers)
        index = torch.where(valid, layer * width * height + x * height + y, 0)
        flat = torch.zeros(len(tokens), layers * width * height, device=tokens.device)
        flat.scatter_add_(1, index, torch.where(valid, value, 0).float())
        return flat.view(-1, layers, width, height)

    def encode_observations(self, tokens: Tensor, state=None) -> Tensor:
        return self.out(self.conv(self.image(tokens) / self.scale))

    def decode_actions(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        return self.actor(hidden), self.critic(hidden)
