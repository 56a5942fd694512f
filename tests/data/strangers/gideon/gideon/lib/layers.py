from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from .base import Call, Component


class Weighted(Component):
    """A layer with one weight, an optional nonlinearity and bounds that follow from how it started."""

    def __init__(
        self,
        nonlinearity: str | None = "ReLU",
        initialization: str = "orthogonal",
        clip_scale: float = 1.0,
        l2_init_scale: float = 1.0,
        nn_params: dict | None = None,
        **cfg: Any,
    ):
        super().__init__(**cfg)
        self.nonlinearity = nonlinearity
        self.initialization = initialization
        self.clip_scale = clip_scale
        self.l2_init_scale = l2_init_scale
        self.nn_params = dict(nn_params or {})

    def start(self, layer: nn.Module) -> None:
        self.layer = layer
        gain = math.sqrt(2.0) if self.nonlinearity == "Tanh" else 1.0
        if self.initialization == "orthogonal":
            nn.init.orthogonal_(layer.weight, gain)
        elif self.initialization == "xavier":
            nn.init.xavier_uniform_(layer.weight, gain)
        else:
            raise ValueError(f"{self.name}: initialization {self.initialization!r}")
        nn.init.zeros_(layer.bias)
        self.act = getattr(nn, self.nonlinearity)() if self.nonlinearity else nn.Identity()
        self.bound = self.clip_range * self.clip_scale * layer.weight.detach().abs().max().item()
        self.initial = layer.weight.detach().clone()

    def forward(self, call: Call, x: Tensor) -> Tensor:
        return self.act(self.layer(x))

    def clip_weights(self) -> None:
        if self.bound > 0:
            with torch.no_grad():
                self.layer.weight.clamp_(-self.bound, self.bound)

    def l2_init_loss(self) -> Tensor:
        weight = self.layer.weight.detach()
        return self.l2_init_scale * (weight - self.initial.to(weight.device)).square().sum()


class Linear(Weighted):
    def setup(self, shape):
        self.start(nn.Linear(math.prod(shape), **self.nn_params))
        return (self.layer.out_features,)


class Conv2d(Weighted):
    def setup(self, shape):
        channels, across, down = shape
        self.start(nn.Conv2d(channels, **self.nn_params))
        kernel, stride = self.layer.kernel_size, self.layer.stride
        return (self.layer.out_channels, (across - kernel[0]) // stride[0] + 1, (down - kernel[1]) // stride[1] + 1)


class Flatten(Component):
    def setup(self, shape):
        return (math.prod(shape),)

    def forward(self, call, x):
        return x.flatten(1)


class LSTM(Component):
    """The core. Its states are kept for each environment."""

    def __init__(self, hidden_size: int = 128, num_layers: int = 2, num_envs: int = 4096, **cfg: Any):
        super().__init__(**cfg)
        self.hidden_size, self.num_layers, self.num_envs = hidden_size, num_layers, num_envs

    def setup(self, shape):
        self.lstm = nn.LSTM(shape[0], self.hidden_size, self.num_layers)
        for name, weight in self.lstm.named_parameters():
            if "bias" in name:
                nn.init.ones_(weight)
            else:
                nn.init.orthogonal_(weight)
        self.register_buffer("kept", torch.zeros(2, self.num_layers, self.num_envs, self.hidden_size), persistent=False)
        return (self.hidden_size,)

    def forward(self, call, x):
        x = x.view(call.batch, call.steps, -1).transpose(0, 1)
        if call.training:
            x, _ = self.lstm(x)
        else:
            rows = self.rows(call)
            alive = self.alive(call).view(1, 1, -1, 1)
            before = self.kept[:, :, rows] * alive
            x, after = self.lstm(x, (before[0], before[1]))
            self.kept[:, :, rows] = torch.stack(after).detach()
        return x.transpose(0, 1).reshape(call.batch * call.steps, -1)

    def rows(self, call: Call) -> Tensor:
        own = torch.arange(call.batch, device=self.kept.device)
        if "training_env_id_start" in call.td.keys():
            own = own + call.td["training_env_id_start"]
        return own

    def alive(self, call: Call) -> Tensor:
        alive = torch.ones(call.batch, device=self.kept.device)
        for flag in ("dones", "truncateds"):
            if flag in call.td.keys():
                alive = alive * (call.td[flag].view(-1) == 0)
        return alive

    def __getstate__(self):
        state = dict(self.__dict__)
        state["_buffers"] = {name: torch.zeros_like(buffer) for name, buffer in self._buffers.items()}
        return state
