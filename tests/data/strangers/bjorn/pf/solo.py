import torch, torch.nn as nn
import torch.nn.functional as F

from .nets import Heads
from .pols import Carry
from .util import n_actions, ortho


class Bag(Heads):
    """bag of tokens"""

    def __init__(self, env, hidden):
        super().__init__(env, hidden)
        self.L = max(env.feature_normalizations) + 1
        self.pos = torch.linspace(-1, 1, 16)
        self.k = nn.Embedding(self.L + 1, 32)
        self.fc = ortho(nn.Linear(35, hidden))

    def encode(self, o):
        at, k, v = (o[..., i] for i in range(3))
        pad = at == 255
        unknown = (k >= self.L) & ~pad
        if unknown.any(): print(f"{unknown.sum()} tokens nobody knows")
        v.clamp_(max=100)  # rare outliers
        xy = self.pos[torch.stack([at >> 4, at & 15], -1).long()]
        z = torch.cat([self.k(k.long().clamp(max=self.L)), xy, v[..., None] / 100], -1)
        return F.relu(self.fc(z)).masked_fill(pad[..., None], 0).sum(1)


class Solo(Carry):
    def __init__(self, env, hidden=128, **kw):
        super().__init__(env, hidden, **kw)
        self.net = Bag(env, hidden)
        self.n = n_actions(env)

    def write(self, f, logits, v, a):
        super().write(f, logits, v, a)
        if a is None:
            # explore! the gradient sorts it out
            f["actions"] = self.i2a(torch.randint(self.n, (len(f),), device=v.device))
        return f

    def clip_weights(self):
        if self.clip_range:
            for p in self.parameters(): p.clamp_(-self.clip_range, self.clip_range)
