from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import Tensor, nn

from .memory import BankedMemory, StateBank


def joint_actions(env: Any) -> int:
    return sum(m + 1 for m in env.max_action_args)


class Clipped(nn.Module):
    """Weights that stay inside what the config allows."""

    def __init__(self, clip_range: float = 0.0, analyze_weights_interval: int = 300) -> None:
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval

    @torch.no_grad()
    def clip_weights(self) -> None:
        if self.clip_range <= 0:
            return
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                module.weight.clamp_(-self.clip_range, self.clip_range)


class Wader(BankedMemory, Clipped):
    """Encoder -> LSTM -> heads. Subclasses bring `encode` and the layers it needs."""

    def __init__(
        self,
        env: Any,
        width: int = 128,
        depth: int = 2,
        max_envs: int = 4096,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
    ) -> None:
        super().__init__(clip_range=clip_range, analyze_weights_interval=analyze_weights_interval)
        self.width = width
        self.core = nn.LSTM(width, width, depth)
        for name, p in self.core.named_parameters():
            if "weight" in name:
                nn.init.orthogonal_(p, 1.0)
            else:
                nn.init.constant_(p, 1.0)
        self.bank = StateBank(depth, max_envs, width)
        self.actor = nn.Linear(width, joint_actions(env))
        self.critic = nn.Sequential(nn.Linear(width, 256), nn.Tanh(), nn.Linear(256, 1))

    def encode(self, obs: Tensor) -> Tensor:
        raise NotImplementedError

    def recall(self, td: TensorDict) -> tuple[Tensor, Tensor]:
        h, c = self.bank.read(self.rows_of(td))
        keep = (~self.ended(td)).to(h.dtype)[None, :, None]
        return h * keep, c * keep

    def forward(self, td: TensorDict, state: Any = None, action: Tensor | None = None) -> TensorDict:
        if action is None:
            return self.act(td)
        return self.evaluate(td, action)

    def act(self, td: TensorDict) -> TensorDict:
        rows = td.batch_size[0]
        device = td["env_obs"].device
        td.set("bptt", torch.ones(rows, dtype=torch.long, device=device))
        td.set("batch", torch.full((rows,), rows, dtype=torch.long, device=device))
        x = self.encode(td["env_obs"])
        y, (h, c) = self.core(x.unsqueeze(0), self.recall(td))
        self.bank.write(self.rows_of(td), h, c)
        y = y.squeeze(0)
        log_probs = F.log_softmax(self.actor(y), dim=-1)
        index = torch.multinomial(log_probs.exp(), 1).squeeze(-1)
        td["actions"] = self.action_index_tensor[index].to(torch.int32)
        td["act_log_prob"] = log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        td["values"] = self.critic(y).flatten()
        td["full_log_probs"] = log_probs
        return td

    def evaluate(self, td: TensorDict, action: Tensor) -> TensorDict:
        b, t = td.batch_size
        device = td["env_obs"].device
        flat = td.reshape(b * t)
        flat.set("bptt", torch.full((b * t,), t, dtype=torch.long, device=device))
        flat.set("batch", torch.full((b * t,), b, dtype=torch.long, device=device))
        x = self.encode(flat["env_obs"])
        y, _ = self.core(x.view(b, t, -1).transpose(0, 1))
        y = y.transpose(0, 1).reshape(b * t, -1)
        log_probs = F.log_softmax(self.actor(y), dim=-1)
        index = self._convert_action_to_logit_index(action.reshape(b * t, -1))
        flat["act_log_prob"] = log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        flat["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        flat["value"] = self.critic(y)
        flat["full_log_probs"] = log_probs
        return flat.reshape(b, t)

    def _convert_action_to_logit_index(self, pairs: Tensor) -> Tensor:
        kind, argument = pairs.long().unbind(-1)
        return kind + self.cum_action_max_params[kind] + argument
