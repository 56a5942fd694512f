import torch
import torch.nn as nn
import torch.nn.functional as F
from tensordict import TensorDict

from policies.jumper import Jumper


class Glider(Jumper):
    """Jumper that looks at the tokens with attention"""

    def __init__(self, env, hidden=128, layers=2, heads=4, **kw):
        super().__init__(env, hidden=hidden, layers=layers, **kw)
        self.attn = nn.MultiheadAttention(hidden, heads, batch_first=True)
        self.q = nn.Parameter(torch.randn(1, 1, hidden) * 0.02)

    def encode(self, tok):
        pad = tok[..., 0] == 255
        z = torch.cat([self.emb(tok[..., 0].long()), self.emb(tok[..., 1].long()), tok[..., 2:].float() / 255.0], -1)
        z = F.relu(self.enc(z))
        q = self.q.expand(z.shape[0], -1, -1)
        bias = torch.zeros_like(pad, dtype=z.dtype).masked_fill(pad, -1e4)
        out, _ = self.attn(q, z, z, key_padding_mask=bias)
        return torch.tanh(out[:, 0])
