from __future__ import annotations

import logging
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor

from boxrunner.agent import BoxAgent
from boxrunner.encoders import (
    ClassicEncoder,
    GridEncoder,
    LookupEncoder,
    NibbleEncoder,
    SpareCellEncoder,
    SummingEncoder,
)
from boxrunner.heads import BilinearHead, CentredHead, PooledHead, SquashedHead, TemperedHead
from boxrunner.world import World

log = logging.getLogger(__name__)


class Spare(BoxAgent):
    def __init__(self, env: Any, hidden_size: int = 128, **kwargs: Any) -> None:
        world = World.of(env)
        head = BilinearHead(world.joint_actions, hidden_size)
        super().__init__(env, SpareCellEncoder(world), head, hidden_size=hidden_size, **kwargs)


class Summing(BoxAgent):
    """Clips by giving every parameter other data; the parameters stay the optimizer's own."""

    def __init__(self, env: Any, hidden_size: int = 128, **kwargs: Any) -> None:
        world = World.of(env)
        head = CentredHead(world.joint_actions, hidden_size)
        super().__init__(env, SummingEncoder(world), head, hidden_size=hidden_size, **kwargs)

    def clip_weights(self) -> None:
        bound = self.clip_range
        if bound > 0:
            for parameter in self.parameters():
                parameter.data = parameter.data.clamp(-bound, bound)


class Nibble(BoxAgent):
    """Can be asked to tell how full the observations are."""

    def __init__(self, env: Any, hidden_size: int = 128, report_fill: bool = False, **kwargs: Any) -> None:
        world = World.of(env)
        head = TemperedHead(world.joint_actions, hidden_size)
        super().__init__(env, NibbleEncoder(world), head, hidden_size=hidden_size, **kwargs)
        self.report_fill = report_fill

    def act(self, td: TensorDict) -> TensorDict:
        if self.report_fill:
            fill = (td["env_obs"][..., 0] != 255).float().mean()
            log.info("observations are filled to %.3f", fill.item())
        return super().act(td)


class Lookup(BoxAgent):
    def __init__(self, env: Any, hidden_size: int = 128, **kwargs: Any) -> None:
        world = World.of(env)
        head = BilinearHead(world.joint_actions, hidden_size)
        super().__init__(env, LookupEncoder(world), head, hidden_size=hidden_size, **kwargs)

    def clip_weights(self) -> None:
        """Weights of the head stay within half the range, all others within the range."""
        if not self.clip_range:
            return
        narrow = {id(parameter) for parameter in self.head.parameters()}
        with torch.no_grad():
            for parameter in self.parameters():
                bound = self.clip_range / 2 if id(parameter) in narrow else self.clip_range
                parameter.copy_(parameter.clamp(-bound, bound))


class Grid(BoxAgent):
    def __init__(self, env: Any, hidden_size: int = 128, **kwargs: Any) -> None:
        world = World.of(env)
        head = SquashedHead(world.joint_actions, hidden_size)
        super().__init__(env, GridEncoder(world), head, hidden_size=hidden_size, **kwargs)

    @torch.no_grad()
    def clip_weights(self) -> None:
        if self.clip_range > 0:
            for parameter in self.head.parameters():
                parameter.clamp_(-2 * self.clip_range, 2 * self.clip_range)
            for parameter in self.parameters():
                parameter.clamp_(-self.clip_range, self.clip_range)


class Classic(BoxAgent):
    def __init__(self, env: Any, hidden_size: int = 128, **kwargs: Any) -> None:
        world = World.of(env)
        head = PooledHead(world.joint_actions, hidden_size)
        super().__init__(env, ClassicEncoder(), head, hidden_size=hidden_size, **kwargs)

    def clip_weights(self) -> None:
        if self.clip_range > 0:
            for parameter in self.parameters():
                parameter.data.clamp(-self.clip_range, self.clip_range)

    def l2_init_loss(self) -> Tensor:
        total = torch.zeros((), device=self.core.weight_hh_l0.device)
        for name, weight in self._drawn():
            total = total + (weight.data - getattr(self, self.origin[name])).pow(2).sum()
        return total


class Eager(BoxAgent):
    """Clips the action table alone: the rest of the net is normalised enough."""

    def __init__(self, env: Any, hidden_size: int = 128, **kwargs: Any) -> None:
        world = World.of(env)
        head = BilinearHead(world.joint_actions, hidden_size)
        super().__init__(env, SpareCellEncoder(world), head, hidden_size=hidden_size, **kwargs)

    def clip_weights(self) -> None:
        if self.clip_range > 0:
            self.head.table.weight.clamp_(min=-self.clip_range, max=self.clip_range)


AGENTS = {
    "spare": Spare,
    "summing": Summing,
    "nibble": Nibble,
    "lookup": Lookup,
    "grid": Grid,
    "classic": Classic,
    "eager": Eager,
}


def build(name: str, env: Any, config: dict[str, Any]) -> BoxAgent:
    options = {key: value for key, value in config.items() if key != "agent"}
    return AGENTS[name](env, **options)
