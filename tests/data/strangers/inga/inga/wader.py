"""The body that all waders share: eyes, beak (heads), and the arithmetic of joint actions."""
from __future__ import annotations

from typing import Optional

import torch
import torch.nn as nn
import torch.nn.functional as F
from tensordict import TensorDict
from torch import Tensor

from inga.settings import Settings


def settle(core: nn.RNNBase) -> nn.RNNBase:
    for name, weight in core.named_parameters():
        if name.startswith("bias"):
            nn.init.ones_(weight)
        else:
            nn.init.orthogonal_(weight)
    return core


class Eyes(nn.Module):
    """Tokens to one vector: every real token is looked at on its own, the brightest answers stay."""

    def __init__(self, token_width: int, hidden_size: int) -> None:
        super().__init__()
        self.place = nn.Embedding(256, token_width)
        self.kind = nn.Embedding(256, token_width)
        self.mix = nn.Linear(token_width + 1, hidden_size)

    def forward(self, tokens: Tensor) -> Tensor:
        coords, attributes, values = tokens.unbind(-1)
        where = self.place(coords.long()) + self.kind(attributes.long())
        seen = torch.cat([where, values.unsqueeze(-1).float() / 255.0], dim=-1)
        answers = F.relu(self.mix(seen))
        real = (coords != 255).unsqueeze(-1)
        return (answers * real).amax(dim=-2)


class Wader(nn.Module):
    def __init__(self, env, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.clip_range = settings.clip_range
        self.analyze_weights_interval = settings.analyze_weights_interval
        self.eyes = Eyes(settings.token_width, settings.hidden_size)
        self.beak = nn.Linear(settings.hidden_size, sum(most + 1 for most in env.max_action_args))
        self.worth = nn.Linear(settings.hidden_size, 1)
        self.cum_action_max_params: Optional[Tensor] = None
        self.action_index_tensor: Optional[Tensor] = None

    def _convert_action_to_logit_index(self, action: Tensor) -> Tensor:
        kind, argument = action.reshape(-1, 2).long().unbind(-1)
        return kind + self.cum_action_max_params[kind] + argument

    def _convert_logit_index_to_action(self, index: Tensor) -> Tensor:
        return self.action_index_tensor[index]

    def clip_weights(self) -> None:
        if self.clip_range <= 0:
            return
        with torch.no_grad():
            for weight in self.parameters():
                weight.clamp_(-self.clip_range, self.clip_range)

    def peck(self, td: TensorDict, features: Tensor, action: Optional[Tensor]) -> None:
        """Writes what the mode asks for; `td` and `features` are flat."""
        log_probs = F.log_softmax(self.beak(features), dim=-1)
        worth = self.worth(features).squeeze(-1)
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1).squeeze(-1)
            td["actions"] = self._convert_logit_index_to_action(index).to(torch.int32)
            td["values"] = worth
        else:
            index = self._convert_action_to_logit_index(action)
            td["entropy"] = -(log_probs.exp() * log_probs).sum(dim=-1)
            td["value"] = worth
        td["act_log_prob"] = log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        td["full_log_probs"] = log_probs
