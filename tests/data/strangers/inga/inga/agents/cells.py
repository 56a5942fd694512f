"""Waders that walk through time one step after the other."""
from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F
from tensordict import TensorDict

from inga.memory import Remembers, Shelf
from inga.settings import Settings
from inga.stamping import extent, stamp
from inga.wader import Wader, settle


class Curlew(Remembers, Wader):
    """An LSTM cell. Episodes that end inside of a segment are cut there, in training as in a rollout."""

    def __init__(
        self,
        env,
        hidden_size: int = 128,
        token_width: int = 32,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
    ) -> None:
        super().__init__(env, Settings(hidden_size, token_width, clip_range, analyze_weights_interval))
        self.cell = settle(nn.LSTMCell(hidden_size, hidden_size))
        self.shelf = Shelf()

    def recall(self, td: TensorDict):
        return self.shelf.fetch(self.shelf.slot(td))

    def _walk(self, seen, over, state):
        rows = seen.shape[0]
        if state is None:
            zero = seen.new_zeros(rows, self.settings.hidden_size)
            state = (zero, zero)
        h, c = state
        outs = []
        for now, end in zip(seen.unbind(1), over.unbind(1)):
            keep = (~end).unsqueeze(-1)
            h, c = self.cell(now, (h * keep, c * keep))
            outs.append(h)
        return torch.stack(outs, dim=1), (h, c)

    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        rows, steps = extent(td)
        flat = td if action is None else td.reshape(rows * steps)
        stamp(flat, steps, rows)
        seen = self.eyes(flat["env_obs"]).view(rows, steps, -1)
        over = (flat["dones"].bool() | flat["truncateds"].bool()).view(rows, steps)
        out, reached = self._walk(seen, over, self.recall(flat) if action is None else None)
        if action is None:
            self.remember(flat, reached)
        self.peck(flat, out.flatten(0, 1), action)
        return flat if action is None else flat.view(rows, steps)


class Avocet(Wader):
    """A GRU cell with its states in a dict of its own."""

    def __init__(self, env, hidden_size: int = 128, token_width: int = 32) -> None:
        super().__init__(env, Settings(hidden_size=hidden_size, token_width=token_width))
        self.cell = settle(nn.GRUCell(hidden_size, hidden_size))
        self.hidden: dict[int, torch.Tensor] = {}

    def has_memory(self):
        return True

    def get_memory(self):
        return {slot: hidden.clone() for slot, hidden in self.hidden.items()}

    def set_memory(self, memory):
        self.hidden = dict(memory)

    def reset_memory(self):
        self.hidden.clear()

    def clip_weights(self):
        for layer in (self.beak, self.worth):
            layer.weight.data.clamp_(-1.0, 1.0)

    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        rows, steps = extent(td)
        flat = td if action is None else td.reshape(rows * steps)
        stamp(flat, steps, rows)
        seen = self.eyes(flat["env_obs"]).view(rows, steps, -1)
        hidden = seen.new_zeros(rows, self.settings.hidden_size)
        if action is None:
            slot = td["training_env_id_start"][0].item()
            over = (td["dones"].bool() | td["truncateds"].bool()).unsqueeze(-1)
            hidden = self.hidden.get(slot, hidden).masked_fill(over, 0.0)
        outs = []
        for t in range(steps):
            hidden = self.cell(seen[:, t], hidden)
            outs.append(hidden)
        if action is None:
            self.hidden[slot] = hidden.detach()
        self.peck(flat, torch.stack(outs, dim=1).flatten(0, 1), action)
        return flat if action is None else flat.reshape(rows, steps)


class Turnstone(Remembers, Wader):
    """Two cells in a row; scores are tempered before they are read."""

    def __init__(self, env, temperature: float = 1.0, **options) -> None:
        super().__init__(env, Settings.of(options))
        width = self.settings.hidden_size
        self.temperature = temperature
        self.first = settle(nn.LSTMCell(width, width))
        self.second = settle(nn.GRUCell(width, width))
        self.shelf = Shelf()

    def recall(self, td: TensorDict):
        kept = self.shelf.fetch(self.shelf.slot(td))
        if kept is None:
            return None
        over = torch.maximum(td["dones"].float(), td["truncateds"].float()).unsqueeze(-1)
        return [part * (1.0 - over) for part in kept]

    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        rows, steps = extent(td)
        flat = td if action is None else td.reshape(rows * steps)
        stamp(flat, steps, rows)
        seen = self.eyes(flat["env_obs"]).view(rows, steps, -1)
        kept = self.recall(flat) if action is None else None
        h, c, g = kept if kept is not None else seen.new_zeros(3, rows, seen.shape[-1])
        outs = []
        for t in range(steps):
            h, c = self.first(seen[:, t], (h, c))
            g = self.second(h, g)
            outs.append(g)
        if action is None:
            self.remember(flat, (h, c, g))
        features = torch.stack(outs, dim=1).flatten(0, 1)
        log_probs = F.log_softmax(self.beak(features) / self.temperature, dim=-1)
        index = torch.multinomial(log_probs.exp(), 1)
        flat["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
        flat["full_log_probs"] = log_probs
        if action is None:
            flat["actions"] = self._convert_logit_index_to_action(index.squeeze(-1)).to(torch.int32)
            flat["values"] = self.worth(features).squeeze(-1)
            return flat
        flat["value"] = self.worth(features).squeeze(-1)
        return flat.reshape(rows, steps)
