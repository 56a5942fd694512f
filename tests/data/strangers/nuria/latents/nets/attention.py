import math

import torch
import torch.nn as nn
import torch.nn.functional as F


def heads_apart(x, heads):
    n, length, width = x.shape
    return x.view(n, length, heads, width // heads).transpose(1, 2)


def heads_together(x):
    n, heads, length, width = x.shape
    return x.transpose(1, 2).reshape(n, length, heads * width)


class CrossAttend(nn.Module):
    """Learnt queries look at the tokens; padding gets no weight unless there is nothing else."""

    def __init__(self, token_width, queries, width, heads, layers):
        super(CrossAttend, self).__init__()
        self.heads = heads
        self.queries = nn.Parameter(torch.empty(1, queries, width))
        nn.init.trunc_normal_(self.queries, std=0.02)
        self.norm_kv = nn.LayerNorm(token_width)
        self.k_proj = nn.Linear(token_width, width, bias=False)
        self.v_proj = nn.Linear(token_width, width, bias=False)
        self.layers = nn.ModuleList()
        for _ in range(layers):
            self.layers.append(
                nn.ModuleDict(
                    {
                        "norm": nn.LayerNorm(width),
                        "q": nn.Linear(width, width, bias=False),
                        "out": nn.Linear(width, width),
                        "mlp_norm": nn.LayerNorm(width),
                        "mlp": nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)),
                    }
                )
            )
        self.final_norm = nn.LayerNorm(width)

    def forward(self, tokens, padding):
        kv = self.norm_kv(tokens)
        k = heads_apart(self.k_proj(kv), self.heads)
        v = heads_apart(self.v_proj(kv), self.heads)
        lowest = torch.finfo(k.dtype).min
        blocked = padding[:, None, None, :]
        z = self.queries.expand(tokens.shape[0], -1, -1)
        for layer in self.layers:
            q = heads_apart(layer["q"](layer["norm"](z)), self.heads)
            scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
            weights = F.softmax(scores.masked_fill(blocked, lowest), dim=-1)
            z = z + layer["out"](heads_together(weights @ v))
            z = z + layer["mlp"](layer["mlp_norm"](z))
        return self.final_norm(z)


class SelfAttend(nn.Module):
    def __init__(self, width, heads, layers):
        super(SelfAttend, self).__init__()
        self.blocks = nn.ModuleList(
            [nn.TransformerEncoderLayer(width, heads, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
             for _ in range(layers)]
        )

    def forward(self, z):
        for block in self.blocks:
            z = block(z)
        return z
