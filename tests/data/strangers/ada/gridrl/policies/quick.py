from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from ..encoders import LeakyBoxEncoder
from ..heads import BoundedHead


class QuickGRU(nn.Module):
    """GridGRU, cut down for ablations."""

    def __init__(self, env, hidden: int = 128, layers: int = 2, clip_range: float = 0.0, **kwargs: Any) -> None:
        super().__init__()
        self.clip_range = 0.0
        self.analyze_weights_interval = kwargs.get("analyze_weights_interval", 300)
        self.encoder = LeakyBoxEncoder(env, 32, hidden)
        self.core = nn.GRU(hidden, hidden)
        self.critic = nn.Linear(hidden, 1)
        self.actor = BoundedHead(hidden, sum(most + 1 for most in env.max_action_args))
        self._hidden: Tensor | None = None

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> Tensor | None:
        return self._hidden

    def set_memory(self, memory: Tensor | None) -> None:
        self._hidden = memory

    def reset_memory(self) -> None:
        self._hidden = None

    def forward(self, td: TensorDict, state: Any = None, action: Tensor | None = None) -> TensorDict:
        if td.batch_dims == 2:
            batch, steps = td.batch_size
            td["bptt"] = torch.full((batch * steps,), steps, dtype=torch.long, device=td.device)
            td["batch"] = torch.full((batch * steps,), batch, dtype=torch.long, device=td.device)
            td = td.reshape(batch * steps)
        else:
            batch, steps = td.batch_size[0], 1
            td["bptt"] = torch.ones(batch, dtype=torch.long, device=td.device)
            td["batch"] = torch.full((batch,), batch, dtype=torch.long, device=td.device)
        hidden = self.encoder(td["env_obs"]).view(batch, steps, -1).transpose(0, 1)
        out, self._hidden = self.core(hidden, self._hidden)
        features = out.transpose(0, 1).flatten(0, 1)
        log_probs = self.actor(features).log_softmax(-1)
        td["full_log_probs"] = log_probs
        index = torch.multinomial(log_probs.exp(), 1).squeeze(-1)
        td["act_log_prob"] = log_probs[torch.arange(batch * steps, device=index.device), index]
        if action is None:
            td["actions"] = self.action_index_tensor[index].to(torch.int32)
            td["value"] = self.critic(features).squeeze(-1)
            return td
        td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        td["value"] = self.critic(features)
        return td.reshape(batch, steps)

    def clip_weights(self) -> None:
        if self.clip_range > 0:
            for parameter in self.parameters():
                parameter.data.clamp_(-self.clip_range, self.clip_range)
