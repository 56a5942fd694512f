import torch
import torch.nn as nn
from torch.nn.functional import relu

from .agent import Agent
from .common import layer_init, tokens_to_box


class Pixels(nn.Module):
    """Three convolutions that keep the grid's size, whatever it is."""

    def __init__(self, env, out_features, channels=32):
        super().__init__()
        self.shape = (max(env.feature_normalizations) + 1, env.obs_width, env.obs_height)
        table = [env.feature_normalizations.get(i, 1.0) or 1.0 for i in range(self.shape[0])]
        self.register_buffer("table", torch.tensor(table).view(-1, 1, 1))
        # 1 x 3 then 3 x 1: one 3 x 3 kernel, cheaper; nothing nonlinear belongs between the two
        self.rows = nn.Conv2d(self.shape[0], channels, (1, 3), padding=(0, 1), bias=False)
        self.columns = nn.Conv2d(channels, channels, (3, 1), padding=(1, 0))
        self.mix = nn.Conv2d(channels, channels, 1)
        self.project = layer_init(nn.Linear(channels * env.obs_width * env.obs_height, out_features))

    def forward(self, tokens):
        # 255 is "no value" here; the buffer must not see this write
        tokens = tokens.clone()
        tokens[..., 2][tokens[..., 2] == 255] = 0
        box = tokens_to_box(tokens, *self.shape).div(self.table)
        box = relu(self.columns(self.rows(box)))
        box = relu(self.mix(box))
        return relu(self.project(torch.flatten(box, 1)))


class ConvAgent(Agent):
    """The agent we actually train. `channels` is on top of what Agent takes."""

    def __init__(self, env, channels=32, **kwargs):
        self._channels = channels
        super().__init__(env, **kwargs)  # Agent names every keyword, a typo raises there

    def make_encoder(self, env, hidden_size):
        return Pixels(env, hidden_size, channels=self._channels)

    def l2_init_loss(self):
        start = self.start if hasattr(self, "start") else self.update_l2_init_weight_copy()
        return sum(((p - start[name]) ** 2).sum() for name, p in self.named_parameters())

    def update_l2_init_weight_copy(self):
        self.start = {name: p.detach().clone() for name, p in self.named_parameters()}
        return self.start
