"""Components of agents that are described in YAML."""

import torch
from torch import nn


class Layer(nn.Module):
    """A node of the graph: reads what its sources wrote, and writes under its own name."""

    def __init__(self, name, sources=None, nn_params=None, clip_range=0.0, **options):
        super().__init__()
        self.name = name
        self.sources = [source["name"] for source in sources or ()]
        self.nn_params = dict(nn_params or {})
        self.clip_value = clip_range * options.pop("clip_scale", 1.0)
        self.net = None

    def setup(self, shapes):
        raise NotImplementedError

    def _forward(self, td):
        td[self.name] = self.net(td[self.sources[0]])
        return td


class TokenMean(Layer):
    """Embeddings of tokens, weighed by their values and averaged over those that are there."""

    def __init__(self, embed_dim=16, pool="mean", **options):
        super().__init__(**options)
        self.embed_dim, self.pool = embed_dim, pool

    def setup(self, shapes):
        self.net = nn.Embedding(256, self.embed_dim)
        return [self.embed_dim]

    def _forward(self, td):
        tokens = td["env_obs"]
        there = (tokens[..., 0] != 255).unsqueeze(-1).float()
        seen = self.net(tokens[..., 1].long()) * tokens[..., 2:].float() * there
        total = seen.sum(1)
        td[self.name] = total / there.sum(1).clamp(min=1) if self.pool == "mean" else total
        return td


class Dense(Layer):
    def __init__(self, nonlinearity="nn.ReLU", gain=1.0, bias_start=0.0, **options):
        super().__init__(**options)
        self.nonlinearity = nonlinearity
        self.gain = gain

    def setup(self, shapes):
        linear = nn.Linear(shapes[0][0], self.nn_params["out_features"])
        nn.init.orthogonal_(linear.weight, self.gain)
        self.net = (
            nn.Sequential(linear, getattr(nn, self.nonlinearity[3:])()) if self.nonlinearity else linear
        )
        return [self.nn_params["out_features"]]


class Core(Layer):
    def setup(self, shapes):
        self.net = nn.LSTM(shapes[0][0], self.nn_params["hidden_size"], self.nn_params["num_layers"])
        for name, weight in self.net.named_parameters():
            nn.init.ones_(weight) if "bias" in name else nn.init.orthogonal_(weight)
        return [self.nn_params["hidden_size"]]


class ActionTable(Layer):
    def setup(self, shapes):
        self.net = nn.Embedding(self.nn_params["num_embeddings"], self.nn_params["embedding_dim"])
        nn.init.orthogonal_(self.net.weight)
        self.net.weight.data.mul_(0.1 / self.net.weight.data.abs().max())
        return [self.nn_params["num_embeddings"], self.nn_params["embedding_dim"]]

    def _forward(self, td):
        td[self.name] = self.net.weight.expand(td.batch_size[0], -1, -1)
        return td


class Scores(Layer):
    def __init__(self, temperature=1.0, **options):
        super().__init__(**options)
        self.temperature = temperature

    def setup(self, shapes):
        self.net = nn.Linear(shapes[0][0], shapes[1][1])
        return [shapes[1][0]]

    def _forward(self, td):
        hidden, table = (td[source] for source in self.sources)
        query = torch.tanh(self.net(hidden))
        td[self.name] = torch.einsum("be,bae->ba", query, table) / self.temperature
        return td
