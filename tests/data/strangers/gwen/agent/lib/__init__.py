from .actor import ActionNames, Pointer
from .core import LSTM
from .layers import Component, Conv2d, Flatten, Frame, Linear, Residual, Weighted
from .obs import (AttributeEmbed, AttributeEmbedInit, BoxNorm, PadMask, PadMaskFast, PooledTokens, TokenBox, TokenBoxDense,
                  TokenValueNorm, TokenValues)

__all__ = ["ActionNames", "Pointer", "LSTM", "Component", "Conv2d", "Flatten", "Frame", "Linear", "Residual", "Weighted",
           "AttributeEmbed", "AttributeEmbedInit", "BoxNorm", "PadMask", "PadMaskFast", "PooledTokens", "TokenBox",
           "TokenBoxDense", "TokenValueNorm", "TokenValues"]
