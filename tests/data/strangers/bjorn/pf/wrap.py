"""net -> recurrent policy. A net has .encode(obs) -> [N, hidden] and .decode(h) -> logits, value."""

import warnings

import torch, torch.nn as nn
from tensordict import TensorDict

from .util import Acts, core_init, fold, goes_on


class Wrap(nn.Module, Acts):
    def __init__(self, env, net, hidden=128, slots=4096, clip_range=0.0, analyze_weights_interval=300, **kw):
        super().__init__()
        if kw: warnings.warn(f"{type(self).__name__} knows nothing of {sorted(kw)}")
        self.net, self.hidden = net, hidden
        self.clip_range, self.analyze_weights_interval = clip_range, analyze_weights_interval
        # one row per env (h | c); segments of a minibatch take rows from 0 on
        self.register_buffer("mem", torch.zeros(slots, 2 * hidden), persistent=False)
        self.build(hidden)

    def build(self, hidden):
        self.cell = core_init(nn.LSTMCell(hidden, hidden))

    def core(self, x, f, B, T):
        rows = torch.arange(B, device=x.device)
        if "training_env_id_start" in f.keys():
            rows = rows + f["training_env_id_start"].view(B, T)[:, 0]
        h, c = self.mem.index_select(0, rows).chunk(2, dim=1)
        keep, ys = goes_on(f, B, T), []
        for t in range(T):
            h, c = self.cell(x[:, t], (h * keep[:, t], c * keep[:, t]))
            ys.append(h)
        self.mem.index_copy_(0, rows, torch.cat([h, c], 1).detach())
        return torch.stack(ys, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        f, B, T = fold(td)
        x = self.net.encode(f["env_obs"]).view(B, T, self.hidden)
        y = self.core(x, f, B, T).reshape(B * T, self.hidden)
        f = self.write(f, *self.net.decode(y), action)
        return f if action is None else f.unflatten(0, (B, T))

    # ---- memory
    def has_memory(self): return True

    def get_memory(self): return self.mem.clone()

    def set_memory(self, m): self.mem.copy_(m)

    def reset_memory(self): self.mem.zero_()

    def reset_env_memory(self, i: int): self.mem[i].zero_()

    def __getstate__(self):
        return {**self.__dict__, "_buffers": {**self._buffers, "mem": torch.zeros_like(self.mem)}}

    # ---- weights
    def clip_weights(self):
        if not self.clip_range: return
        ws = [m.weight.data for m in self.modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
        torch._foreach_clamp_min_(ws, -self.clip_range)
        torch._foreach_clamp_max_(ws, self.clip_range)
