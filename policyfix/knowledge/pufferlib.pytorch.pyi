# Facts about PufferLib's torch functions.
import numpy as np
import torch.nn as nn

def layer_init(layer, std=np.sqrt(2), bias_const=0.0):  # noqa: B008 - as it stands in the package
    nn.init.orthogonal_(layer.weight, std)
    nn.init.constant_(layer.bias, bias_const)
    return layer  # the same layer, re-initialised
