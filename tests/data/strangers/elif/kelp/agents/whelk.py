from __future__ import annotations

import torch.nn.functional as F
from tensordict import TensorDict
from torch import Tensor, nn

from ..bases import RecurrentBase
from .anemone import Tentacles


class Whelk(RecurrentBase):
    """Training in one call of the core instead of T: much faster."""

    def __init__(self, env, *, input_size: int = 128, **config) -> None:
        super().__init__(env, input_size=input_size, **config)
        self.eyes = Tentacles(input_size)
        self.actor = nn.Linear(self.lstm.hidden_size, 100)
        self.critic = nn.Linear(self.lstm.hidden_size, 1)
        nn.init.orthogonal_(self.actor.weight, gain=0.01)
        self._finish()

    def _finish(self) -> None:
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.orthogonal_(parameter, gain=1.0)
        self.remember_weights()

    def encode(self, tokens: Tensor) -> Tensor:
        return self.eyes(tokens)

    def decode(self, core: Tensor) -> tuple[Tensor, Tensor]:
        return self.actor(core)[:, : self.action_index_tensor.shape[0]], self.critic(core)

    def _train_call(self, td: TensorDict, action: Tensor) -> TensorDict:
        rows, steps = td.batch_size
        flat = td.reshape(rows * steps)
        self._stamp(flat, steps=rows, rows=steps)
        features = self.encode(flat["env_obs"])
        over = self._over(td, rows, steps).flatten()
        core, _ = self._step(features, self._blank(features, rows * steps), over)
        logits, value = self.decode(core)
        log_probs = F.log_softmax(logits, dim=-1)
        chosen = self.joint_index(action).unsqueeze(1)
        flat["act_log_prob"] = log_probs.gather(1, chosen).squeeze(1)
        flat["entropy"] = -(log_probs.exp() * log_probs).sum(dim=-1)
        flat["value"] = value
        flat["full_log_probs"] = log_probs
        return flat.reshape(rows, steps)
