from __future__ import annotations

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn

from birds.common import Plumage, Speaks, breaks


class Heron(Speaks, nn.Module):
    """Sees its last action next to the observation, and stands still for a long time."""

    def __init__(
        self, env, *, hidden_size: int = 128, num_layers: int = 1, clip_range: float = 0.0, analyze_weights_interval: int = 300
    ) -> None:
        super().__init__()
        self.clip_range, self.analyze_weights_interval = clip_range, analyze_weights_interval
        self.eye = Plumage(env, hidden_size)
        self.habit = nn.Embedding(len(env.max_action_args), hidden_size)
        self.core = nn.LSTM(hidden_size, hidden_size, num_layers=num_layers)
        with torch.no_grad():
            for name, weight in self.core.named_parameters():
                weight.fill_(1.0) if "bias" in name else nn.init.orthogonal_(weight)
        self.make_heads(env, hidden_size)
        self._pond: dict[int, tuple[Tensor, Tensor]] = {}

    def get_memory(self) -> dict[int, tuple[Tensor, Tensor]]:
        return dict(self._pond)

    def set_memory(self, memory: dict[int, tuple[Tensor, Tensor]]) -> None:
        self._pond = dict(memory)

    def reset_memory(self) -> None:
        self._pond = {}

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_pond": {}}

    def _look(self, td: TensorDictBase) -> Tensor:
        tokens = td["env_obs"]
        loud = tokens[..., 2] > 200
        if torch.any(loud):
            tokens[..., 2].clamp_(max=200)
        return torch.tanh(self.eye(tokens) + self.habit(td["last_actions"][..., 0].long()))

    @torch._dynamo.disable
    def forward(self, td: TensorDictBase, state=None, action: Tensor | None = None) -> TensorDictBase:
        batch, bptt = (td.batch_size[0], 1) if action is None else tuple(td.batch_size)
        if action is not None:
            td = td.reshape(batch * bptt)
        device = td["env_obs"].device
        td["bptt"] = torch.full((batch * bptt,), batch, dtype=torch.int64, device=device)
        td["batch"] = torch.full((batch * bptt,), bptt, dtype=torch.int64, device=device)

        group = td["training_env_id_start"].tolist()[0] if "training_env_id_start" in td.keys() else 0
        blank = torch.zeros(self.core.num_layers, batch, self.core.hidden_size, device=device)
        h, c = self._pond.get(group, (blank, blank))
        awake = (~breaks(td, batch, bptt, device)).float()
        outs = []
        for step, seen in enumerate(self._look(td).view(batch, bptt, -1).unbind(1)):
            mask = awake[:, step].view(1, batch, 1)
            out, (h, c) = self.core(seen.unsqueeze(0), (h * mask, c * mask))
            outs.append(out.squeeze(0))
        self._pond[group] = h.detach(), c.detach()
        self.speak(td, torch.stack(outs, 1).flatten(0, 1), action)
        return td.reshape(batch, bptt) if action is not None else td
