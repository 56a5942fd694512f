"""Recurrent cells without nn.RNN: the maths fits on a page."""

import torch
from torch import nn


class GRUByHand(nn.Module):
    def __init__(self, inputs, width, bias=1.0):
        super().__init__()
        self.width = width
        self.w_in = nn.Parameter(torch.empty(3 * width, inputs))
        self.w_rec = nn.Parameter(torch.empty(3 * width, width))
        self.b = nn.Parameter(torch.full((3 * width,), bias))
        nn.init.orthogonal_(self.w_in)
        nn.init.orthogonal_(self.w_rec)

    def step(self, x, h):
        gi = x @ self.w_in.t() + self.b
        gh = h @ self.w_rec.t()
        ir, iz, inn = gi.chunk(3, -1)
        hr, hz, hn = gh.chunk(3, -1)
        r, z = torch.sigmoid(ir + hr), torch.sigmoid(iz + hz)
        n = torch.tanh(inn + r * hn)
        return z * h + (1 - z) * n

    def forward(self, xs, h, keep=None):
        """xs [T, B, F], h [B, H], keep [T, B, 1] or None."""
        hs = []
        for i, x in enumerate(xs):
            if keep is not None:
                h = h * keep[i]
            h = self.step(x, h)
            hs.append(h)
        return torch.stack(hs), h


def tidy_lstm(inputs, width, layers):
    lstm = nn.LSTM(inputs, width, layers)
    with torch.no_grad():
        for name, p in lstm.named_parameters():
            if "weight" in name:
                nn.init.orthogonal_(p)
            else:
                p.fill_(1.0)
    return lstm


def plain_lstm(inputs, width, layers):
    lstm = nn.LSTM(inputs, width, layers)
    for name, p in lstm.named_parameters():
        if "weight" in name:
            nn.init.orthogonal_(p)
        else:
            nn.init.zeros_(p)
    return lstm
