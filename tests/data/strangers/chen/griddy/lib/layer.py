"""What all components of a graph share."""

from typing import Any, Optional

import torch
from tensordict import TensorDict
from torch import nn


class Layer(nn.Module):
    def __init__(self, name: str, sources: Optional[list[dict[str, str]]] = None, nn_params: Optional[dict] = None, **cfg: Any):
        super().__init__()
        self.name = name
        self.source_names = [source["name"] for source in sources or []]
        self.nn_params = dict(nn_params or {})
        self.clip_range = cfg.pop("clip_range", 0)
        self.shape: tuple[int, ...] = ()

    def setup(self, shapes: list[tuple[int, ...]]) -> None:
        raise NotImplementedError

    def run(self, td: TensorDict) -> torch.Tensor:
        raise NotImplementedError

    def forward(self, td: TensorDict) -> TensorDict:
        td[self.name] = self.run(td)
        return td


class WeightedLayer(Layer):
    """A layer with weights that start somewhere, may be clipped, and may be drawn back."""

    def __init__(self, initialization: str = "orthogonal", nonlinearity: Optional[str] = "ReLU", clip_scale: float = 1.0, **cfg: Any):
        super().__init__(**cfg)
        self.initialization = initialization
        self.activation = getattr(nn, nonlinearity)() if nonlinearity else nn.Identity()
        self.clip_scale = clip_scale

    def start(self, layer: nn.Module) -> None:
        match self.initialization:
            case "orthogonal":
                nn.init.orthogonal_(layer.weight)
            case "xavier":
                nn.init.xavier_uniform_(layer.weight)
            case other:
                raise ValueError(f"unknown initialization {other}")
        nn.init.zeros_(layer.bias)
        self.layer = layer
        self.initial = layer.weight.detach().clone()

    def clip_weights(self) -> None:
        if self.clip_range > 0:
            with torch.no_grad():
                bound = self.clip_range * self.clip_scale
                self.layer.weight.clamp_(-bound, bound)

    def l2_init_loss(self) -> torch.Tensor:
        return (self.layer.weight.data - self.initial.to(self.layer.weight.device)).pow(2).sum()
