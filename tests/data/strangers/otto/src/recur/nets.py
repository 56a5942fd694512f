import math

import torch
from torch import nn
from torch.nn import functional as F


def ortho(layer, gain=math.sqrt(2)):
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer


class TokenMLP(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.a = ortho(nn.Linear(4, 64))
        self.b = ortho(nn.Linear(64, width))

    def forward(self, tokens):
        place = tokens[..., 0]
        pad = place.eq(255)
        x = torch.stack([(place >> 4) / 15, (place & 15) / 15, tokens[..., 1] / 255, tokens[..., 2] / 255], dim=-1)
        x = F.elu(self.a(x))
        x = F.elu(self.b(x))
        return x.masked_fill(pad[..., None], float("-inf")).amax(dim=1).clamp(min=-10.0)


class SumHead(nn.Module):
    """Scores from the features and from what the table says on average."""

    def __init__(self, width, actions):
        super().__init__()
        self.names = nn.Embedding(100, 16)
        nn.init.orthogonal_(self.names.weight)
        self.names.weight.data.mul_(0.1 / self.names.weight.data.abs().max())
        self.out = nn.Linear(width + 16, actions)

    def forward(self, x):
        context = self.names.weight.sum(dim=0) / self.names.num_embeddings
        return self.out(torch.cat([x, context.expand(len(x), 16)], dim=1))


class LooseBox(nn.Module):
    def __init__(self, env, width):
        super().__init__()
        self.f = max(env.feature_normalizations) + 1
        self.w, self.h = env.obs_width, env.obs_height
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(self.f * self.w * self.h, width), nn.ReLU())
        self.norm = torch.tensor([env.feature_normalizations.get(i, 1.0) for i in range(self.f)]).view(1, -1, 1)

    def forward(self, tokens):
        place, attr, val = tokens[..., 0].long(), tokens[..., 1].long(), tokens[..., 2].float()
        x, y = place // 16, place % 16
        valid = (place < 255) & (attr < self.f) & (x < self.w) & (y < self.h)
        index = (attr * self.w * self.h + x * self.h + y) * valid
        box = val.new_zeros(tokens.shape[0], self.f * self.w * self.h)
        box.scatter_(1, index, val * valid)
        return self.net(box.view(-1, self.f, self.w * self.h) / self.norm)
