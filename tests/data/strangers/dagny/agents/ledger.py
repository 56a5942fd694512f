"""A page for every environment."""
import copy

import torch
from torch import nn

from .common import ActionTable, Choice, Sight, clip, ended, init_core, stamp


class Ledger(ActionTable, nn.Module):
    """Rows may be of any environments, in any order: `training_env_id_start` is looked up for each."""

    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.hidden_size = hidden_size
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.sight = Sight(hidden_size)
        self.cell = init_core(nn.GRUCell(hidden_size, hidden_size))
        self.choice = Choice(env, hidden_size)
        self.pages = {}

    def has_memory(self):
        return True

    def get_memory(self):
        return copy.deepcopy(self.pages)

    def set_memory(self, memory):
        self.pages = copy.deepcopy(memory)

    def reset_memory(self):
        self.pages = {}

    def __deepcopy__(self, memo):
        other = self.__class__.__new__(self.__class__)
        memo[id(self)] = other
        other.__dict__.update({k: {} if k == "pages" else copy.deepcopy(v, memo) for k, v in self.__dict__.items()})
        return other

    def __getstate__(self):
        return {**self.__dict__, "pages": {}}

    def clip_weights(self):
        clip(self, self.clip_range)

    def forward(self, td, state=None, action=None):
        if action is None:
            x = self.sight(stamp(td, 1)["env_obs"])
            ids = td["training_env_id_start"].tolist() if "training_env_id_start" in td.keys() else [0] * len(x)
            names = [(first, row) for row, first in enumerate(ids)]
            blank = x.new_zeros(self.hidden_size)
            h = torch.stack([self.pages.get(name, blank) for name in names])
            h = h.masked_fill(ended(td).unsqueeze(-1), 0.0)
            h = self.cell(x, h)
            self.pages.update(zip(names, h.detach().unbind(0)))
            return self.write(td, *self.choice(h))
        b, t = td.shape
        td = stamp(td.reshape(b * t), t)
        x, h, outs = self.sight(td["env_obs"]).view(b, t, -1), None, []
        for step in range(t):
            h = self.cell(x[:, step], h)
            outs.append(h)
        return self.write(td, *self.choice(torch.stack(outs, 1).flatten(0, 1)), action=action).reshape(b, t)
