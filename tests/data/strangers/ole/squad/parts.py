"""Components of the agents that configs/agent/*.yaml describe."""
from dataclasses import dataclass, field

import torch
from torch import nn


@dataclass
class Frame:
    """What the components of one forward hand to each other."""

    td: object
    rows: int
    steps: int
    training: bool
    out: dict = field(default_factory=dict)


class Part(nn.Module):
    def __init__(self, name, env, sources=None, clip_scale=1.0):
        super().__init__()
        self.name = name
        self.env_width, self.env_height = env.obs_width, env.obs_height
        self.norms = {int(k): float(v) for k, v in env.feature_normalizations.items()}
        self.sources = [source["name"] for source in sources or []]
        self.clip_scale = clip_scale

    def build(self, shapes):
        """Makes the weights once the widths of the sources are known, and tells the own one."""
        return shapes[0]

    def clip_weights(self, clip_range):
        bound = clip_range * self.clip_scale
        for weight in self.parameters():
            weight.data.clamp_(-bound, bound)

    def l2_init_loss(self):
        return 0.0


class Box(Part):
    def __init__(self, name, env, **common):
        super().__init__(name, env, **common)
        self.layers = max(self.norms) + 1
        scale = torch.tensor([self.norms.get(i) or 1.0 for i in range(self.layers)])
        self.register_buffer("scale", scale.view(-1, 1, 1), persistent=False)

    def build(self, shapes):
        return (self.layers, self.env_width, self.env_height)

    def forward(self, frame):
        coords, attributes, values = frame.td["env_obs"].long().unbind(-1)
        x, y = coords >> 4, coords & 15
        inside = (coords != 255) & (x < self.env_width) & (y < self.env_height) & (attributes < self.layers)
        cells = self.env_width * self.env_height
        index = torch.where(inside, (attributes * self.env_width + x) * self.env_height + y, self.layers * cells)
        box = torch.zeros(len(coords), self.layers * cells + 1, device=coords.device)
        box = box.scatter(1, index, values.float())[:, :-1]
        return box.view(-1, self.layers, self.env_width, self.env_height) / self.scale


class Convolved(Part):
    def __init__(self, name, env, channels=32, kernel=3, stride=1, dilation=1, **common):
        super().__init__(name, env, **common)
        self.channels, self.kernel, self.stride = channels, kernel, stride

    def build(self, shapes):
        layers, width, height = shapes[0]
        self.conv = nn.Conv2d(layers, self.channels, self.kernel, self.stride)
        nn.init.orthogonal_(self.conv.weight)
        return tuple(self.conv(torch.zeros(1, layers, width, height)).shape[1:])

    def forward(self, frame):
        return torch.relu(self.conv(frame.out[self.sources[0]]))


class Dense(Part):
    def __init__(self, name, env, out_dim, nonlinearity="ReLU", gain=1.0, l2_scale=1.0, **common):
        super().__init__(name, env, **common)
        self.out_dim, self.gain, self.l2_scale = out_dim, gain, l2_scale
        self.activation = getattr(nn, nonlinearity)() if nonlinearity else nn.Identity()

    def build(self, shapes):
        size = 1
        for n in shapes[0]:
            size *= n
        self.linear = nn.Linear(size, self.out_dim)
        nn.init.orthogonal_(self.linear.weight, self.gain)
        nn.init.zeros_(self.linear.bias)
        self.register_buffer("first", self.linear.weight.detach().clone(), persistent=False)
        return (self.out_dim,)

    def forward(self, frame):
        return self.activation(self.linear(frame.out[self.sources[0]].flatten(1)))

    def l2_init_loss(self):
        with torch.no_grad():
            drift = self.linear.weight - self.first
        return self.l2_scale * drift.square().sum()


class Core(Part):
    """LSTM; its state lies in a bank with one place for each environment row."""

    def __init__(self, name, env, out_dim=128, num_layers=2, places=4096, **common):
        super().__init__(name, env, **common)
        self.out_dim, self.num_layers = out_dim, num_layers
        self.register_buffer("h", torch.zeros(num_layers, places, out_dim), persistent=False)
        self.register_buffer("c", torch.zeros(num_layers, places, out_dim), persistent=False)

    def build(self, shapes):
        self.lstm = nn.LSTM(shapes[0][0], self.out_dim, self.num_layers)
        for weight in self.lstm.parameters():
            nn.init.ones_(weight) if weight.ndim == 1 else nn.init.orthogonal_(weight)
        return (self.out_dim,)

    def __getstate__(self):
        empty = {key: torch.zeros_like(kept) for key, kept in self._buffers.items()}
        return {**self.__dict__, "_buffers": empty}

    def forward(self, frame):
        x = frame.out[self.sources[0]].view(frame.rows, frame.steps, -1).transpose(0, 1)
        if frame.training:
            out, _ = self.lstm(x)
        else:
            at = torch.arange(frame.rows, device=x.device)
            start = frame.td.get("training_env_id_start", None)
            if start is not None:
                at = at + start.view(-1)[0]
            h, c = self.h[:, at], self.c[:, at]
            for key in ("dones", "truncateds"):
                flag = frame.td.get(key, None)
                if flag is not None:
                    over = flag.view(1, -1, 1).bool()
                    h, c = h.masked_fill(over, 0.0), c.masked_fill(over, 0.0)
            out, (h, c) = self.lstm(x, (h, c))
            self.h[:, at], self.c[:, at] = h.detach(), c.detach()
        return out.transpose(0, 1).reshape(frame.rows * frame.steps, -1)


class Scores(Part):
    """Bilinear scores of the active actions."""

    def __init__(self, name, env, embedding=16, capacity=100, **common):
        super().__init__(name, env, **common)
        self.actions = sum(m + 1 for m in env.max_action_args)
        self.table = nn.Embedding(capacity, embedding)
        nn.init.orthogonal_(self.table.weight)
        self.table.weight.data.mul_(0.1 / self.table.weight.data.abs().max())

    def build(self, shapes):
        self.query = nn.Linear(shapes[0][0], self.table.embedding_dim)
        return (self.actions,)

    def forward(self, frame):
        query = torch.tanh(self.query(frame.out[self.sources[0]]))
        return query @ self.table.weight[: self.actions].T
