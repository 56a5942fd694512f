from __future__ import annotations

from typing import TYPE_CHECKING

import models

if TYPE_CHECKING:
    from tensordict import TensorDict


class Forager(models.Recurrent):
    def forward(self, td: TensorDict, state=None, action=None):  # expect: PF101
        rows = td["env_obs"].float().flatten(1)
        hidden = self.embed(rows).unsqueeze(0)
        out, _ = self.lstm(hidden)
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
