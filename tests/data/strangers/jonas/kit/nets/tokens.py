import torch
from torch import nn


def nibbles(byte):
    byte = byte.long()
    return torch.bitwise_right_shift(byte, 4), torch.bitwise_and(byte, 0xF)


class Grid(nn.Module):
    """Tokens as planes of a 16 x 16 grid: every nibble fits, and so does every attribute byte."""

    def __init__(self, env, width):
        super().__init__()
        self.planes = nn.Embedding(256, 8)
        self.register_buffer("unit", torch.tensor([env.feature_normalizations.get(i, 1.0) or 1.0 for i in range(256)]))
        self.conv = nn.Sequential(
            nn.Conv2d(8, 32, 3, stride=2), nn.ReLU(), nn.Conv2d(32, 32, 3, stride=2), nn.ReLU(), nn.Flatten()
        )
        self.out = nn.Sequential(nn.LazyLinear(width), nn.ReLU())

    def forward(self, tokens):
        place, attribute, value = tokens[..., 0].long(), tokens[..., 1].long(), tokens[..., 2]
        x, y = nibbles(place)
        used = (place != 255).unsqueeze(-1)
        planes = self.planes(attribute) * (value.float() / self.unit[attribute]).unsqueeze(-1) * used
        cells = tokens.new_zeros(tokens.shape[0], 256, 8, dtype=torch.float32)
        cells.scatter_add_(1, (x * 16 + y).unsqueeze(-1).expand_as(planes), planes)
        return self.out(self.conv(cells.transpose(1, 2).unflatten(2, (16, 16))))


class Sieve(nn.Module):
    """Tokens into a box, by one index_put. Takes the environment's word for all sizes."""

    def __init__(self, env, width):
        super().__init__()
        self.w, self.h, self.f = env.obs_width, env.obs_height, len(env.feature_normalizations)
        self.norm = torch.FloatTensor([env.feature_normalizations[i] for i in sorted(env.feature_normalizations)])
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(self.f * self.w * self.h, 256), nn.Dropout(0.1), nn.Linear(256, width), nn.ReLU())

    def forward(self, tokens):
        x, y = nibbles(tokens[..., 0])
        f = tokens[..., 1].long()
        v = tokens[..., 2].float()
        real = tokens[..., 0] < 255
        n = torch.arange(len(tokens)).unsqueeze(1).expand_as(f)
        box = torch.zeros(len(tokens), self.f, self.w, self.h, device=tokens.device)
        box.index_put_((n[real], f[real], x[real], y[real]), v[real])
        box /= self.norm.view(1, -1, 1, 1)
        return self.body(box)


class Scan(nn.Module):
    """Keeps the tokens that are used, in order."""

    def __init__(self, width):
        super().__init__()
        self.embed = nn.Embedding(256, width, padding_idx=255)
        self.embed.weight.data.uniform_(-0.1, 0.1)
        self.value = nn.Linear(1, width)
        self.out = nn.Linear(width, width)

    def forward(self, tokens):
        stop = (tokens[..., 0] == 0xFF).long().argmax(-1)
        tokens = tokens[:, : int(stop.max())]
        tokens[..., 1].clamp_(max=24)
        values = tokens[..., 2:].float()
        values = torch.where(values.max() > 1, values / 255, values)
        x = self.embed(tokens[..., 1].long()) + self.value(values)
        return torch.relu(self.out(x.mean(1)))
