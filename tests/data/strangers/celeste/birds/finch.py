from __future__ import annotations

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn

from birds.common import Plumage, Speaks, breaks, stamp


class Finch(Speaks, nn.Module):
    """A single GRU cell, stepped by hand; in training as in play it goes on from what it remembers."""

    def __init__(self, env, *, hidden_size: int = 96, clip_range: float = 0.0, analyze_weights_interval: int = 300) -> None:
        super().__init__()
        self.clip_range, self.analyze_weights_interval = clip_range, analyze_weights_interval
        self.eye = Plumage(env, hidden_size)
        self.cell = nn.GRUCell(hidden_size, hidden_size)
        nn.init.orthogonal_(self.cell.weight_ih, gain=2**0.5)
        nn.init.orthogonal_(self.cell.weight_hh, gain=2**0.5)
        nn.init.zeros_(self.cell.bias_ih)
        nn.init.zeros_(self.cell.bias_hh)
        self.make_heads(env, hidden_size)
        self._by_group: dict[int, Tensor] = {}

    def get_memory(self) -> dict[int, Tensor]:
        return {group: kept.clone() for group, kept in self._by_group.items()}

    def set_memory(self, memory: dict[int, Tensor]) -> None:
        self._by_group = {group: kept.clone() for group, kept in memory.items()}

    def reset_memory(self) -> None:
        self._by_group = {}

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_by_group": {}}

    def forward(self, td: TensorDictBase, state=None, action: Tensor | None = None) -> TensorDictBase:
        batch, bptt = (td.batch_size[0], 1) if action is None else td.batch_size
        flat = td if action is None else td.reshape(batch * bptt)
        device = flat["env_obs"].device
        stamp(flat, batch, bptt, device)

        group = 0
        if "training_env_id_start" in flat.keys():
            group = flat["training_env_id_start"][0].item()
        hidden = self._by_group.get(group)
        if hidden is None:
            hidden = torch.zeros(batch, self.cell.hidden_size)

        over = breaks(flat, batch, bptt, device)
        features = self.eye(flat["env_obs"]).view(batch, bptt, -1)
        trace = []
        for step in range(bptt):
            hidden = torch.where(over[:, step, None], torch.zeros_like(hidden), hidden)
            hidden = self.cell(features[:, step], hidden)
            trace.append(hidden)
        self._by_group[group] = hidden
        self.speak(flat, torch.stack(trace, 1).flatten(0, 1), action)
        return flat if action is None else flat.reshape(batch, bptt)
