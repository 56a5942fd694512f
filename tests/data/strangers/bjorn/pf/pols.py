import torch, torch.nn as nn
from tensordict import TensorDict

from . import nets
from .util import Acts, core_init, fold, goes_on
from .wrap import Wrap


class Puff(Wrap):
    def __init__(self, env, hidden=128, **kw):
        super().__init__(env, nets.Conv(env, hidden), hidden, **kw)


class TokPuff(Wrap):
    def __init__(self, env, hidden=128, **kw):
        super().__init__(env, nets.Tok(env, hidden), hidden, **kw)


class SetPuff(Wrap):
    def __init__(self, env, hidden=128, d=64, **kw):
        super().__init__(env, nets.Set(env, hidden, d), hidden, **kw)


class Stack(Wrap):
    """GRU cells on top of each other, states by group"""

    def __init__(self, env, hidden=128, depth=2, **kw):
        self.depth = depth
        super().__init__(env, nets.Conv(env, hidden), hidden, **kw)
        self.hs = {}

    def build(self, hidden):
        self.cells = nn.ModuleList(nn.GRUCell(hidden, hidden) for _ in range(self.depth))

    def core(self, x, f, B, T):
        g = f["training_env_id_start"][0].item() if "training_env_id_start" in f.keys() else 0
        hs = self.hs.get(g) or [x.new_zeros(B, self.hidden) for _ in self.cells]
        d = f["dones"].view(B, T, 1).bool() if "dones" in f.keys() else None
        ys = []
        for t in range(T):
            y, nxt = x[:, t], []
            for cell, h in zip(self.cells, hs):
                y = cell(y, h if d is None else h.masked_fill(d[:, t], 0))
                nxt.append(y)
            hs = nxt
            ys.append(y)
        self.hs[g] = [h.detach() for h in hs]
        return torch.stack(ys, 1)

    def get_memory(self): return self.hs

    def set_memory(self, m): self.hs = dict(m)

    def reset_memory(self): self.hs.clear()

    def reset_env_memory(self, i): self.hs.pop(i, None)

    def clip_weights(self):
        r = self.clip_range
        if r <= 0: return
        for m in self.modules():
            if isinstance(m, (nn.Linear, nn.Conv2d)):
                m.weight = nn.Parameter(m.weight.clamp(-r, r))


class Carry(nn.Module, Acts):
    """Keeps nothing: the state of every env travels in its row of the td (`rnn_h`), like obs and reward do."""

    def __init__(self, env, hidden=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.net = nets.Conv(env, hidden)
        self.gru = core_init(nn.GRUCell(hidden, hidden))
        self.hidden = hidden
        self.clip_range, self.analyze_weights_interval = clip_range, analyze_weights_interval

    def forward(self, td: TensorDict, state=None, action=None):
        f, B, T = fold(td)
        x = self.net.encode(f["env_obs"]).view(B, T, -1)
        h = f.get("rnn_h", None)
        h = x.new_zeros(B, self.hidden) if h is None else h.view(B, T, -1)[:, 0]
        keep, ys = goes_on(f, B, T), []
        for t in range(T):
            h = self.gru(x[:, t], h * keep[:, t])
            ys.append(h)
        y = torch.stack(ys, 1).flatten(0, 1)
        f["rnn_h"] = y.detach()
        self.write(f, *self.net.decode(y), action)
        return f if action is None else f.reshape(B, T)

    # the td is the memory; there is nothing here to hand out or to forget
    def has_memory(self): return True

    def get_memory(self): return {}

    def set_memory(self, memory): pass

    def reset_memory(self): pass

    @torch.no_grad()
    def clip_weights(self):
        if self.clip_range:
            for p in self.parameters(): p.clamp_(-self.clip_range, self.clip_range)


class Zero(nn.Module, Acts):
    """ablation: is the lstm good for anything?"""

    def __init__(self, env, hidden=128, **kw):
        super().__init__()
        self.net = nets.Conv(env, hidden)
        self.lstm = core_init(nn.LSTM(hidden, hidden))

    def forward(self, td: TensorDict, state=None, action=None):
        f, B, T = fold(td)
        x = self.net.encode(f["env_obs"])
        y, _ = self.lstm(x.unsqueeze(0))
        logits, v = self.net.decode(y.squeeze(0))
        self.write(f, logits, v, action)
        if action is not None: f = f.reshape(B, T)
        return f
