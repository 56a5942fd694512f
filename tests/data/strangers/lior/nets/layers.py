import torch
from torch import nn


def dense(inputs, units, activation=None, kernel_gain=1.0):
    layer = nn.Linear(inputs, units)
    nn.init.orthogonal_(layer.weight, kernel_gain)
    nn.init.zeros_(layer.bias)
    return layer if activation is None else nn.Sequential(layer, activation())


def rnn(kind, inputs, units, layers):
    """A recurrent layer as the trainer wants it: orthogonal kernels, unit biases."""
    core = {"lstm": nn.LSTM, "gru": nn.GRU}[kind](inputs, units, layers)
    for kernel_or_bias in core.parameters():
        if kernel_or_bias.ndim == 1:
            nn.init.ones_(kernel_or_bias)
        else:
            nn.init.orthogonal_(kernel_or_bias)
    return core


def action_lookup(env):
    rows = []
    for kind, maximum in enumerate(env.max_action_args):
        rows += [[kind, value] for value in range(maximum + 1)]
    maxima = torch.tensor([0] + list(env.max_action_args))
    return torch.tensor(rows, dtype=torch.int32), maxima.cumsum(0)
