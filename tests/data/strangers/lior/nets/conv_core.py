import torch
from torch import nn

from nets.base import RecurrentModel
from nets.layers import dense, rnn
from nets.scopes import name_scope


class ConvCore(RecurrentModel):
    DEFAULTS = {"units": 128, "layers": 2, "filters": 32, "slots": 2048}

    def build(self, env):
        units, filters = self.params["units"], self.params["filters"]
        self.grid = (max(env.feature_normalizations) + 1, env.obs_height, env.obs_width)
        divisors = torch.ones(self.grid[0])
        for feature, divisor in env.feature_normalizations.items():
            divisors[feature] = divisor or 1.0
        self.register_buffer("divisors", divisors.view(-1, 1, 1))
        self.conv = nn.Sequential(
            nn.Conv2d(self.grid[0], filters, 3, padding=1),
            nn.LeakyReLU(),
            nn.Conv2d(filters, filters, 3, stride=2, padding=1),
            nn.LeakyReLU(),
            nn.AdaptiveMaxPool2d(2),
            nn.Flatten(),
        )
        self.project = dense(filters * 4, units, nn.ReLU)
        self.core = rnn("lstm", units, units, self.params["layers"])
        self.policy_head = dense(units, len(self.lookup), kernel_gain=0.01)
        self.value_head = nn.Sequential(dense(units, 256, nn.Tanh), dense(256, 1))
        self.build_carry(self.params["layers"], units, self.params["slots"])

    def rasterize(self, tokens):
        features, height, width = self.grid
        place, feature, amount = (part.squeeze(-1) for part in tokens.long().split(1, dim=-1))
        y, x = place // 16, place % 16
        real = (place != 255) & (y < height) & (x < width) & (feature < features)
        index = torch.where(real, (feature * height + y) * width + x, 0)
        amount = torch.where(real, amount, 0).float()
        box = torch.zeros(tokens.shape[0], features * height * width, device=tokens.device)
        # the larger one stays: what is not real adds nothing to cell 0
        box = box.scatter_reduce(1, index, amount, reduce="amax", include_self=True)
        return box.view(-1, features, height, width) / self.divisors

    def call(self, flat, batch, time, training):
        with name_scope("encoder"):
            x = self.project(self.conv(self.rasterize(flat["env_obs"])))
        with name_scope("core"):
            x = self.unroll(flat, x.view(batch, time, -1), training)
        with name_scope("heads"):
            return self.policy_head(x), self.value_head(x)

    def unroll(self, flat, x, training):
        batch, time = x.shape[:2]
        begins = self.begins(flat, batch, time)
        if training:
            h = c = x.new_zeros(self.core.num_layers, batch, self.core.hidden_size)
        else:
            slots = self.slots(flat, batch)
            h, c = self.read_carry(slots)
        steps = []
        for t in range(time):
            keep = torch.logical_not(begins[:, t])[None, :, None]
            y, (h, c) = self.core(x[:, t][None], (h * keep, c * keep))
            steps.append(y[0])
        if not training:
            self.write_carry(slots, h, c)
        return torch.stack(steps, 1).view(batch * time, -1)
