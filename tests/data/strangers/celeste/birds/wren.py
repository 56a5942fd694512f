from __future__ import annotations

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn

from birds.common import Plumage, Speaks, breaks, stamp


class Wren(Speaks, nn.Module):
    """Plays from a table with a line per environment; trains on whole segments, each from an empty memory."""

    def __init__(
        self, env, *, hidden_size: int = 128, num_layers: int = 2, clip_range: float = 0.0, analyze_weights_interval: int = 300
    ) -> None:
        super().__init__()
        self.clip_range, self.analyze_weights_interval = clip_range, analyze_weights_interval
        self.lines = env.num_envs
        self.eye = Plumage(env, hidden_size)
        self.song = nn.LSTM(hidden_size, hidden_size, num_layers, batch_first=True)
        for tensors in self.song.all_weights:
            for tensor in tensors:
                _ = nn.init.ones_(tensor) if tensor.dim() == 1 else nn.init.orthogonal_(tensor)
        self.make_heads(env, hidden_size)
        self._played: tuple[Tensor, Tensor] | None = None

    def get_memory(self) -> tuple[Tensor, Tensor] | None:
        return self._played and (self._played[0].clone(), self._played[1].clone())

    def set_memory(self, memory: tuple[Tensor, Tensor] | None) -> None:
        self._played = memory and (memory[0].clone(), memory[1].clone())

    def reset_memory(self) -> None:
        self._played = None

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_played": None}

    def _recall(self, td: TensorDictBase, batch: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        line = torch.arange(batch, device=device)
        if "training_env_id_start" in td.keys():
            line = line + td["training_env_id_start"][0]
        if self._played is None:
            shape = (self.song.num_layers, max(self.lines, batch), self.song.hidden_size)
            self._played = torch.zeros(shape, device=device), torch.zeros(shape, device=device)
        h, c = self._played
        over = breaks(td, batch, 1, device).view(1, batch, 1)
        return line, h[:, line].masked_fill(over, 0.0), c[:, line].masked_fill(over, 0.0)

    def _play(self, td: TensorDictBase, features: Tensor) -> Tensor:
        line, h, c = self._recall(td, features.shape[0], features.device)
        out, (h, c) = self.song(features.unsqueeze(1), (h, c))
        for table, news in zip(self._played, (h, c)):
            table[:, line] = news.detach()
        return out.squeeze(1)

    def forward(self, td: TensorDictBase, state=None, action: Tensor | None = None) -> TensorDictBase:
        device = td["env_obs"].device
        if action is None:
            stamp(td, td.batch_size[0], 1, device)
            self.speak(td, self._play(td, self.eye(td["env_obs"])), None)
            return td
        batch, bptt = td.batch_size
        flat = td.reshape(batch * bptt)
        stamp(flat, batch, bptt, device)
        out, _ = self.song(self.eye(flat["env_obs"]).view(batch, bptt, -1))
        self.speak(flat, out.reshape(batch * bptt, -1), action)
        return flat.reshape(batch, bptt)
