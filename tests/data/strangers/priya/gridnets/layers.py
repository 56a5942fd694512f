import torch
import torch.nn as nn
from omegaconf import OmegaConf


class Layer(nn.Module):
    """Node of the graph: reads its sources from the TensorDict, writes its own name."""

    def __init__(self, name, sources=None, nn_params=None, **cfg):
        super().__init__()
        self._name = name
        self._sources = sources or []
        self._nn_params = dict(nn_params or {})
        self.in_shape = None
        self.out_shape = None

    def setup(self, sources):
        self.in_shape = sources[0].out_shape if sources else None
        self.build()

    def build(self):
        raise NotImplementedError

    def forward(self, td):
        inputs = [td[s["name"]] for s in self._sources]
        td[self._name] = self.compute(*inputs)
        return td

    def clip_weights(self):
        pass

    def l2_init_loss(self):
        return torch.tensor(0.0)


class Weighted(Layer):
    def __init__(self, clip_range=0, clip_scale=1.0, nonlinearity="ReLU", l2_init_scale=1.0, **cfg):
        super().__init__(**cfg)
        self.clip_value = clip_range * clip_scale
        self.nonlinearity = nonlinearity
        self.l2_init_scale = l2_init_scale

    def finish(self, layer):
        nn.init.orthogonal_(layer.weight)
        nn.init.zeros_(layer.bias)
        self.layer = layer
        self.register_buffer("start", layer.weight.detach().clone(), persistent=False)
        self.activation = getattr(nn, self.nonlinearity)() if self.nonlinearity else nn.Identity()

    def compute(self, x):
        return self.activation(self.layer(x))

    @torch.no_grad()
    def clip_weights(self):
        if self.clip_value > 0:
            self.layer.weight.clamp_(-self.clip_value, self.clip_value)

    def l2_init_loss(self):
        return self.l2_init_scale * (self.layer.weight - self.start).square().sum()


class Dense(Weighted):
    def build(self):
        self.finish(nn.Linear(self.in_shape[0], **self._nn_params))
        self.out_shape = [self._nn_params["out_features"]]


class Conv(Weighted):
    def build(self):
        conv = nn.Conv2d(self.in_shape[0], **self._nn_params)
        self.finish(conv)
        with torch.no_grad():
            self.out_shape = list(conv(torch.zeros(1, *self.in_shape)).shape[1:])


class Flatten(Layer):
    def build(self):
        self.out_shape = [self.in_shape[0] * self.in_shape[1] * self.in_shape[2]]

    def compute(self, x):
        return x.flatten(1)


class Box(Layer):
    def __init__(self, feature_normalizations, obs_width, obs_height, normalize=True, **cfg):
        super().__init__(**cfg)
        self.depth = max(feature_normalizations) + 1
        self.size = (obs_width, obs_height)
        factors = torch.ones(self.depth, 1, 1)
        if normalize:
            for i, n in feature_normalizations.items():
                factors[i] = n
        self.register_buffer("factors", factors)

    def build(self):
        self.out_shape = [self.depth, *self.size]

    def forward(self, td):
        tokens = td["env_obs"]
        coords, attrs, values = tokens[..., 0], tokens[..., 1].long(), tokens[..., 2].float()
        x, y = (coords >> 4).long(), (coords & 0x0F).long()
        ok = (coords != 0xFF) & (attrs < self.depth) & (x < self.size[0]) & (y < self.size[1])
        batch = torch.arange(tokens.shape[0], device=tokens.device)[:, None].expand_as(x)
        box = torch.zeros(tokens.shape[0], self.depth, *self.size, device=tokens.device)
        box[batch[ok], attrs[ok], x[ok], y[ok]] = values[ok]
        td[self._name] = box / self.factors
        return td


class TokenEmbed(Layer):
    def __init__(self, embed_dim=16, max_tokens=200, dropout=0.0, **cfg):
        super().__init__(**cfg)
        self.embed_dim = embed_dim
        self._dropout = dropout
        self.attr = nn.Embedding(256, embed_dim, padding_idx=255)
        nn.init.normal_(self.attr.weight, std=0.02)

    def build(self):
        self.out_shape = [self.embed_dim + 1]

    def forward(self, td):
        tokens = td["env_obs"]
        values = tokens[..., 2:3].float() / 255
        td[self._name] = torch.cat([self.attr(tokens[..., 1].long()), values], dim=-1)
        return td


class MeanPool(Layer):
    def build(self):
        self.out_shape = self.in_shape

    def compute(self, x):
        return torch.tanh(x.mean(dim=1))


class LSTM(Layer):
    def build(self):
        self.layers = self._nn_params.get("num_layers", 1)
        self.width = self._nn_params["hidden_size"]
        self.net = nn.LSTM(self.in_shape[0], **self._nn_params)
        for name, p in self.net.named_parameters():
            if "bias" in name:
                nn.init.constant_(p, 1)
            else:
                nn.init.orthogonal_(p, 1)
        self.out_shape = [self.width]
        self.register_buffer("h", torch.zeros(self.layers, 8192, self.width), persistent=False)
        self.register_buffer("c", torch.zeros(self.layers, 8192, self.width), persistent=False)

    def __getstate__(self):
        state = dict(self.__dict__)
        state["_buffers"] = {k: None if v is None else torch.zeros_like(v) for k, v in self._buffers.items()}
        return state

    def has_memory(self):
        return True

    def get_memory(self):
        return self.h.clone(), self.c.clone()

    def set_memory(self, memory):
        self.h.copy_(memory[0])
        self.c.copy_(memory[1])

    def reset_memory(self):
        self.h.zero_()
        self.c.zero_()

    def forward(self, td):
        x = td[self._sources[0]["name"]]
        T, B = td.meta_steps, td.batch_size.numel() // td.meta_steps
        x = x.view(B, T, -1).transpose(0, 1)
        rows = torch.arange(B, device=x.device)
        if "training_env_id_start" in td.keys():
            rows = rows + td["training_env_id_start"][0]
        h, c = self.h[:, rows], self.c[:, rows]
        for key in ("dones", "truncateds"):
            if key in td.keys() and T == 1:
                stop = td[key].bool().view(1, B, 1)
                h, c = h.masked_fill(stop, 0), c.masked_fill(stop, 0)
        out, (h, c) = self.net(x, (h, c))
        self.h[:, rows], self.c[:, rows] = h.detach(), c.detach()
        td[self._name] = out.transpose(0, 1).reshape(B * T, self.width)
        return td


class Bilinear(Layer):
    def __init__(self, hidden=512, embed_dim=16, capacity=100, temperature=1.0, **cfg):
        super().__init__(**cfg)
        self.hidden, self.capacity, self.embed_dim = hidden, capacity, embed_dim

    def build(self):
        self.up = nn.Linear(self.in_shape[0], self.hidden)
        self.query = nn.Linear(self.hidden, self.embed_dim)
        self.table = nn.Embedding(self.capacity, self.embed_dim)
        nn.init.orthogonal_(self.table.weight)
        with torch.no_grad():
            self.table.weight *= 0.1 / self.table.weight.abs().max()
        self.out_shape = [self.capacity]

    def compute(self, x):
        q = torch.tanh(self.query(torch.relu(self.up(x))))
        return torch.nn.functional.linear(q, self.table.weight)


class FrozenDense(Dense):
    """Only for ablations."""

    @torch.no_grad()
    def l2_init_loss(self):
        return (self.layer.weight - self.start).norm()


def load(path):
    return OmegaConf.load(path)
