"""Kestrel keeps its attention over tokens and overrides both modes of the base."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import Tensor, nn

from .base import Wader


class TokenPool(nn.Module):
    def __init__(self, d: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(256, d)
        self.score = nn.Linear(d, 1)

    def forward(self, obs: Tensor) -> Tensor:
        first = (obs[..., 0] == 255).long().argmax(dim=1)
        order = torch.arange(obs.shape[1], device=obs.device)
        tokens = self.embed(obs[..., 1].long()) * (obs[..., 2:].float() / 255)
        scores = self.score(tokens).squeeze(-1)
        scores = scores.masked_fill(order[None] >= first[:, None], -1e9)
        return (scores.softmax(-1).unsqueeze(-1) * tokens).sum(1)


class Kestrel(Wader):
    def __init__(self, env: Any, **options: Any) -> None:
        super().__init__(env, **options)
        self.pool = TokenPool(self.width)

    def encode(self, obs: Tensor) -> Tensor:
        return torch.relu(self.pool(obs))

    def recall(self, td: TensorDict) -> tuple[Tensor, Tensor]:
        h, c = self.bank.read(self.rows_of(td))
        over = td["dones"].view(-1).bool()
        if over.any():
            h = h.masked_fill(over[None, :, None], 0.0)
            c = c.masked_fill(over[None, :, None], 0.0)
        return h, c

    def evaluate(self, td: TensorDict, action: Tensor) -> TensorDict:
        b, t = td.batch_size
        stamp = torch.full((b,), t, dtype=torch.long, device=action.device)
        flat = td.reshape(-1)
        flat["bptt"] = stamp.repeat_interleave(t)
        flat["batch"] = torch.full((b * t,), b, dtype=torch.long, device=action.device)
        x = self.encode(flat["env_obs"])
        y, _ = self.core(x.view(b, t, -1).transpose(0, 1))
        y = y.transpose(0, 1).reshape(b * t, -1)
        log_probs = F.log_softmax(self.actor(y), dim=-1)
        index = self._convert_action_to_logit_index(action.reshape(b * t, -1))
        flat["act_log_prob"] = log_probs.gather(-1, index[:, None])[:, 0]
        flat["value"] = self.critic(y)
        flat["full_log_probs"] = log_probs
        return flat

    def _convert_action_to_logit_index(self, pairs: Tensor) -> Tensor:
        kind, argument = pairs[:, 0].long(), pairs[:, 1].long()
        return self.cum_action_max_params.index_select(0, kind) + argument

    def l2_init_loss(self) -> Tensor:
        drift = [(m.weight.detach() ** 2).sum() for m in self.modules() if isinstance(m, nn.Linear)]
        return torch.stack(drift).sum()
