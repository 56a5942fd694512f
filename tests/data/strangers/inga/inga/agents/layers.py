"""Waders over torch's recurrent layers."""
from __future__ import annotations

import torch
import torch.nn as nn
from tensordict import TensorDict

from inga.memory import Remembers, Shelf, ended
from inga.settings import Settings
from inga.stamping import extent, segmented, stamp
from inga.wader import Wader, settle


class Heron(Remembers, Wader):
    """Two layers of LSTM; the plain one that the others are measured against."""

    def __init__(self, env, **options) -> None:
        super().__init__(env, Settings.of(options))
        width = self.settings.hidden_size
        self.lstm = settle(nn.LSTM(width, width, num_layers=2))
        self.shelf = Shelf()

    @segmented
    def forward(self, td: TensorDict, action, rows: int, steps: int) -> None:
        seen = self.eyes(td["env_obs"]).view(rows, steps, -1).transpose(0, 1)
        if action is None:
            out, state = self.lstm(seen, self.recall(td))
            self.remember(td, state)
        else:
            out, _ = self.lstm(seen)
        self.peck(td, out.transpose(0, 1).reshape(rows * steps, -1), action)


class Plover(Remembers, Wader):
    """One layer, batch first, for the small maps."""

    def __init__(self, env, hidden_size: int = 96, **options) -> None:
        settings = Settings(
            hidden_size=hidden_size,
            clip_range=options.get("clip_range", 0.0),
            analyze_weights_interval=options.get("analyze_weights_interval", 300),
        )
        super().__init__(env, settings)
        self.lstm = settle(nn.LSTM(hidden_size, hidden_size, batch_first=True))
        self.shelf = Shelf()

    def recall(self, td: TensorDict):
        kept = self.shelf.fetch(self.shelf.slot(td))
        if kept is None:
            return None
        goes_on = 1.0 - td["dones"].float().view(1, -1, 1)
        return tuple(part * goes_on for part in kept)

    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        rows, steps = extent(td)
        flat = td if action is None else td.reshape(rows * steps)
        stamp(flat, steps, rows)
        seen = self.eyes(flat["env_obs"]).view(rows, steps, -1)
        if action is None:
            out, kept = self.lstm(seen, self.recall(flat))
            self.remember(flat, kept)
            self.peck(flat, out.reshape(rows, -1), None)
            return flat
        out, _ = self.lstm(seen)
        self.peck(flat, out.reshape(rows * steps, -1), action)
        return flat.reshape(rows, steps)


class Dunlin(Remembers, Wader):
    """The GRU of the first release, brought over to the shelf."""

    def __init__(self, env, **options) -> None:
        super().__init__(env, Settings.of(options))
        width = self.settings.hidden_size
        self.gru = nn.GRU(width, width, num_layers=2)
        self.shelf = Shelf()

    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        rows, steps = extent(td)
        stamp(td, steps, rows)
        if action is not None:
            td = td.reshape(rows * steps)
        seen = self.eyes(td["env_obs"]).view(rows, steps, -1).transpose(0, 1)
        if action is None:
            kept = self.recall(td)
            out, hidden = self.gru(seen, None if kept is None else kept[0])
            self.remember(td, (hidden,))
        else:
            out, _ = self.gru(seen)
        self.peck(td, out.transpose(0, 1).reshape(rows * steps, -1), action)
        return td if action is None else td.reshape(rows, steps)


class Sanderling(Remembers, Wader):
    """A short memory that is always read and a long one that opens with a gate of its own."""

    def __init__(self, env, **options) -> None:
        super().__init__(env, Settings.of(options))
        width = self.settings.hidden_size
        self.short = settle(nn.GRU(width, width))
        self.long = settle(nn.LSTM(width, width))
        self.gate = nn.Linear(width, width)
        self.shelf = Shelf()

    def _recurrence(self, seen, kept):
        brief, held = (None, None) if kept is None else (kept[0], (kept[1], kept[2]))
        near, brief = self.short(seen, brief)
        far, (h, c) = self.long(seen, held)
        opened = torch.sigmoid(self.gate(near))
        return near + opened * far, (brief, h, c)

    @segmented
    def forward(self, td: TensorDict, action, rows: int, steps: int) -> None:
        seen = self.eyes(td["env_obs"]).view(rows, steps, -1).transpose(0, 1)
        out, state = self._recurrence(seen, self.recall(td) if action is None else None)
        if action is None:
            self.remember(td, state)
        self.peck(td, out.transpose(0, 1).flatten(0, 1), action)


class Stilt(Remembers, Wader):
    """As Sanderling, with the two memories one above the other."""

    def __init__(self, env, **options) -> None:
        super().__init__(env, Settings.of(options))
        width = self.settings.hidden_size
        self.lower = settle(nn.GRU(width, width))
        self.upper = nn.LSTM(width, width)
        for name, weight in self.upper.named_parameters():
            if "weight" in name:
                nn.init.orthogonal_(weight)
            else:
                nn.init.zeros_(weight)
        self.shelf = Shelf()

    def recall(self, td: TensorDict):
        kept = self.shelf.fetch(self.shelf.slot(td))
        if kept is None:
            return None, None
        low, h, c = kept
        over = ended(td)
        return low, (h.masked_fill(over, 0.0), c.masked_fill(over, 0.0))

    def get_memory(self):
        return self.shelf._kept

    @segmented
    def forward(self, td: TensorDict, action, rows: int, steps: int) -> None:
        seen = self.eyes(td["env_obs"]).view(rows, steps, -1).transpose(0, 1)
        low, high = self.recall(td) if action is None else (None, None)
        below, low = self.lower(seen, low)
        out, (h, c) = self.upper(below, high)
        if action is None:
            self.remember(td, (low, h, c))
        self.peck(td, out.transpose(0, 1).flatten(0, 1), action)
