from .base import Component, Layer
from .library import Conv2d, Flatten, Linear
from .lstm import LSTM
from .tokens import BoxShaper, Normalizer

__all__ = ["LSTM", "BoxShaper", "Component", "Conv2d", "Flatten", "Layer", "Linear", "Normalizer"]
