import torch, torch.nn as nn
import torch.nn.functional as F

from .util import n_actions, ortho


class Heads(nn.Module):
    def __init__(self, env, hidden):
        super().__init__()
        self.pi = ortho(nn.Linear(hidden, n_actions(env)), 0.01)
        self.v = ortho(nn.Linear(hidden, 1), 1)

    def decode(self, h): return self.pi(h), self.v(h)


class Conv(Heads):
    def __init__(self, env, hidden):
        super().__init__(env, hidden)
        self.L, self.W, self.H = max(env.feature_normalizations) + 1, env.obs_width, env.obs_height
        z = torch.ones(self.L)
        for k, n in env.feature_normalizations.items(): z[k] = n or 1
        self.register_buffer("z", z[:, None, None])
        self.c1 = ortho(nn.Conv2d(self.L, 64, 5, 3))
        self.c2 = ortho(nn.Conv2d(64, 64, 3))
        with torch.no_grad():
            n = self.c2(self.c1(torch.zeros(1, self.L, self.W, self.H))).numel()
        self.fc = ortho(nn.Linear(n, hidden))

    def box(self, o):
        at, k, v = o.long().unbind(-1)
        x, y = at.div(16, rounding_mode="floor"), at.remainder(16)
        ok = at.ne(255) & x.lt(self.W) & y.lt(self.H) & k.lt(self.L)
        b = torch.zeros(len(o), self.L, self.W, self.H, device=o.device)
        r = torch.arange(len(o), device=o.device)[:, None].expand_as(at)
        # masked-out entries add nothing anywhere
        return b.index_put(
            tuple(torch.where(ok, i, 0) for i in (r, k, x, y)), torch.where(ok, v, 0).float(), accumulate=True
        )

    def encode(self, o):
        x = self.box(o).div_(self.z)
        x = F.relu(self.c2(F.relu(self.c1(x))))
        return F.relu(self.fc(x.flatten(1)))


class Tok(Heads):
    """cheap box, no conv"""

    def __init__(self, env, hidden):
        super().__init__(env, hidden)
        self.f1 = ortho(nn.Linear(22 * 11 * 11, 512))
        self.f2 = ortho(nn.Linear(512, hidden))

    def encode(self, o):
        o[o == 255] = 0
        at = o[..., 0].long()
        x, y, k = at >> 4, at & 15, o[..., 1].long()
        w = (at != 255).float()  # padding weighs nothing
        b = o.new_zeros((o.shape[0], 22, 11, 11), dtype=torch.float32)
        r = torch.arange(o.shape[0], device=o.device).unsqueeze(1).expand_as(at)
        b[r, k, x, y] = o[..., 2] * w
        return F.relu(self.f2(F.relu(self.f1(b.flatten(1)))))


class Set(nn.Module):
    """tokens as a set, padded tail cut per row, bilinear head on action embeddings"""

    def __init__(self, env, hidden, d=64):
        super().__init__()
        self.attr = nn.Embedding(256, d, padding_idx=255)
        self.at = nn.Embedding(256, d)
        for e in (self.attr, self.at): nn.init.normal_(e.weight, std=0.02)
        self.phi = nn.Sequential(nn.Linear(2 * d + 1, 256), nn.GELU(), nn.Linear(256, hidden), nn.Tanh())
        self.q = ortho(nn.Linear(hidden, 16))
        self.emb = nn.Embedding(n_actions(env), 16)
        self.v = ortho(nn.Linear(hidden, 1), 1)

    def encode(self, o):
        # nobody has more than what comes before the first 255
        n = (o[..., 0] == 255).int().argmax(dim=1)
        live = torch.arange(o.shape[1], device=o.device) < n[:, None]
        i = o.long()
        z = torch.cat([self.at(i[..., 0]), self.attr(i[..., 1]), o[..., 2:] / 255], -1)
        return (self.phi(z) * live[..., None]).sum(1)

    def decode(self, h):
        return torch.tanh(self.q(h) @ self.emb.weight.T), self.v(h)
