"""One core for the actor, another for the critic."""
import torch
from torch import nn

from .common import ActionTable, Choice, Sight, clip, ended, init_core, stamp
from .memory import Remembering, SeatMemory


class Twin(Remembering, ActionTable, nn.Module):
    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.sight = Sight(hidden_size)
        self.cores = nn.ModuleDict({name: init_core(nn.GRU(hidden_size, hidden_size)) for name in ("actor", "critic")})
        self.choice = Choice(env, hidden_size)
        self.memory = SeatMemory(2, hidden_size)

    def clip_weights(self):
        clip(self.choice, self.clip_range)
        clip(self.sight, self.clip_range)

    def begin_again(self, state, over):
        return torch.where(over[None, :, None], state.new_zeros(()), state)

    def run(self, x, state):
        h, h_last = self.cores["actor"](x, state[:1].contiguous())
        g, g_last = self.cores["critic"](x, state[1:].contiguous())
        return h, g, torch.cat([h_last, g_last])

    def forward(self, td, state=None, action=None):
        b, t = (td.shape[0], 1) if action is None else td.shape
        flat = stamp(td.reshape(b * t) if action is not None else td, t)
        x = self.sight(flat["env_obs"])
        if action is None:
            h, g, last = self.run(x[None], self.begin_again(self.memory.take(td, x), ended(td)))
            self.memory.put(td, last)
            return self.write(td, *self.choice(h[0], g[0]))
        h, g, _ = self.run(x.view(b, t, -1).transpose(0, 1), x.new_zeros(2, b, x.shape[-1]))
        h, g = (y.transpose(0, 1).flatten(0, 1) for y in (h, g))
        return self.write(flat, *self.choice(h, g), action=action).reshape(b, t)


class TwinPair(Twin):
    """Treats the two halves of the state by name."""

    def begin_again(self, state, over):
        h, g = state
        return torch.stack([h.masked_fill(over.unsqueeze(-1), 0.0), g])


class TwinLong(Twin):
    """Twin for long minibatches: one pass through each core."""

    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300, **kwargs):
        super().__init__(env, hidden_size, clip_range, analyze_weights_interval)
        self.dropout = nn.Dropout(kwargs.get("dropout", 0.0))

    def forward(self, td, state=None, action=None):
        if action is None:
            return super().forward(td)
        b, t = td.shape
        td = stamp(td.reshape(b * t), t)
        x = self.dropout(self.sight(td["env_obs"])).unsqueeze(0)
        h, g, _ = self.run(x, x.new_zeros(2, b * t, x.shape[-1]))
        return self.write(td, *self.choice(h.squeeze(0), g.squeeze(0)), action=action).reshape(b, t)
