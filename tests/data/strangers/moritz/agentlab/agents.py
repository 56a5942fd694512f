from __future__ import annotations

from torch import nn

from .base import RecurrentAgent
from .encoders import BoxEncoder, SetEncoder


class BoxAgent(RecurrentAgent):
    def make_encoder(self, env, width: int) -> nn.Module:
        return BoxEncoder(env, width)


class SetAgent(RecurrentAgent):
    def make_encoder(self, env, width: int) -> nn.Module:
        return SetEncoder(width)
