from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import Tensor, nn

from ..bases import JointActionMixin, PolicyBase
from .anemone import Tentacles


@dataclass
class GroupState:
    """The hidden state of one group of environments [2, B, H]."""

    hidden: Tensor | None = None

    def masked(self, keep: Tensor) -> Tensor | None:
        if self.hidden is None:
            return None
        return self.hidden * keep


class Barnacle(JointActionMixin, PolicyBase):
    def __init__(self, env, *, width: int = 128, **config) -> None:
        super().__init__(env, **config)
        self.eyes = Tentacles(width)
        self.gru = nn.GRU(width, width, 2)
        for weight in self.gru.parameters():
            if weight.dim() > 1:
                nn.init.orthogonal_(weight)
            else:
                nn.init.ones_(weight)
        self.actor = nn.Linear(width, 100)
        self.critic = nn.Linear(width, 1)
        self._groups: dict[int, GroupState] = {}

    def forward(self, td: TensorDict, state=None, action: Tensor | None = None) -> TensorDict:
        if action is not None:
            return self._learn(td, action)
        batch = td.batch_size[0]
        self._stamp(td, 1, batch)
        group = self._group(td)
        keep = (~self._over(td, batch, 1)).float().view(1, batch, 1)
        core, group.hidden = self.gru(self.eyes(td["env_obs"]).unsqueeze(0), group.masked(keep))
        log_probs = self._log_probs(core[0])
        index = log_probs.exp().multinomial(1)
        td["actions"] = self.pair(index.flatten())
        td["act_log_prob"] = log_probs.gather(1, index).flatten()
        td["values"] = self.critic(core[0]).flatten()
        td["full_log_probs"] = log_probs
        return td

    def _learn(self, td: TensorDict, action: Tensor) -> TensorDict:
        batch, steps = td.batch_size
        flat = td.reshape(-1)
        self._stamp(flat, steps, batch)
        features = self.eyes(flat["env_obs"]).view(batch, steps, -1)
        keep = (~self._over(td, batch, steps)).float()
        hidden, outputs = features.new_zeros(2, batch, self.gru.hidden_size), []
        for t in range(steps):
            out, hidden = self.gru(features[:, t].unsqueeze(0), hidden * keep[:, t].view(1, batch, 1))
            outputs.append(out[0])
        core = torch.stack(outputs, dim=1).flatten(0, 1)
        log_probs = self._log_probs(core)
        flat["act_log_prob"] = log_probs.gather(1, self.joint_index(action)[:, None]).flatten()
        flat["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        flat["value"] = self.critic(core)
        flat["full_log_probs"] = log_probs
        return flat.reshape(batch, steps)

    def _group(self, td: TensorDict) -> GroupState:
        first = td.get("training_env_id_start", None)
        key = 0 if first is None else first[0].item()
        return self._groups.setdefault(key, GroupState())

    def _log_probs(self, core: Tensor) -> Tensor:
        return F.log_softmax(self.actor(core)[:, : len(self.action_index_tensor)], dim=-1)

    @staticmethod
    def _over(td: TensorDict, batch: int, steps: int) -> Tensor:
        over = torch.zeros(batch, steps, dtype=torch.bool, device=td["env_obs"].device)
        for key in ("dones", "truncateds"):
            over = over | td[key].view(batch, steps).bool() if key in td.keys() else over
        return over

    @staticmethod
    def _stamp(td: TensorDict, steps: int, batch: int) -> None:
        for key, value in (("bptt", steps), ("batch", batch)):
            td[key] = torch.full((steps * batch,), value, dtype=torch.int64, device=td["env_obs"].device)

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_groups": {}}

    # the memory, for trainers

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> dict[int, GroupState]:
        return self._groups

    def set_memory(self, memory: dict[int, GroupState]) -> None:
        self._groups = dict(memory)

    def reset_memory(self) -> None:
        self._groups.clear()
