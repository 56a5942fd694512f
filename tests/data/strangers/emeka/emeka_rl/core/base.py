from __future__ import annotations

import logging
from typing import Any

import torch
import torch.nn as nn
import torch.nn.functional as F
from tensordict import TensorDict
from torch import Tensor

from .stamping import Stamping
from .store import StateStore

log = logging.getLogger(__name__)


class RecurrentAgent(Stamping, nn.Module):
    """An encoder, an LSTM, and what the trainer wants of both. Subclasses make the net."""

    net: nn.Module
    cum_action_max_params: Tensor
    action_index_tensor: Tensor

    def __init__(
        self,
        env,
        hidden_size: int = 128,
        num_layers: int = 2,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
    ) -> None:
        super().__init__()
        self.hidden_size, self.num_layers = hidden_size, num_layers
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.net = self.make_net(env)
        self.lstm = nn.LSTM(hidden_size, hidden_size, num_layers=num_layers)
        self.init_core()
        self.store = StateStore()

    def make_net(self, env) -> nn.Module:
        raise NotImplementedError

    def init_core(self) -> None:
        for name, parameter in self.lstm.named_parameters():
            if name.startswith("weight_"):
                nn.init.orthogonal_(parameter, gain=1.0)
            elif name.startswith("bias_"):
                nn.init.constant_(parameter, 1.0)

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> dict[int, tuple[Tensor, ...]]:
        return self.store.snapshot()

    def set_memory(self, memory: dict[int, tuple[Tensor, ...]]) -> None:
        self.store.restore(memory)

    def reset_memory(self) -> None:
        self.store.clear()

    @torch._dynamo.disable()
    def forward(self, td: TensorDict, state: Any = None, action: Tensor | None = None) -> TensorDict:
        td, rows, steps = self.fold(td)
        hidden = self.net.encode_observations(td["env_obs"], state)
        sequence = hidden.view(rows, steps, -1).transpose(0, 1)
        out, state = self.lstm(sequence, self.store.read(td))
        self.store.write(td, state)
        logits, value = self.net.decode_actions(out.transpose(0, 1).reshape(rows * steps, -1))
        log_probs = F.log_softmax(logits, dim=-1)
        if action is None:
            return self.sample(td, log_probs, value)
        self.evaluate(td, action.reshape(rows * steps, -1), log_probs, value)
        return self.unfold(td, rows, steps)

    def sample(self, td: TensorDict, log_probs: Tensor, value: Tensor) -> TensorDict:
        index = torch.multinomial(log_probs.exp(), num_samples=1)
        td["actions"] = self._convert_logit_index_to_action(index.view(-1)).to(torch.int32)
        td["act_log_prob"] = torch.take_along_dim(log_probs, index, dim=-1).view(-1)
        td["values"] = value.view(-1)
        td["full_log_probs"] = log_probs
        return td

    def evaluate(self, td: TensorDict, action: Tensor, log_probs: Tensor, value: Tensor) -> None:
        index = self._convert_action_to_logit_index(action).view(-1, 1)
        td["act_log_prob"] = torch.take_along_dim(log_probs, index, dim=-1).view(-1)
        td["entropy"] = -(log_probs * log_probs.exp()).sum(dim=-1)
        td["value"] = value
        td["full_log_probs"] = log_probs

    def _convert_action_to_logit_index(self, action: Tensor) -> Tensor:
        types = action[:, 0].long()
        return types + self.cum_action_max_params[types] + action[:, 1].long()

    def _convert_logit_index_to_action(self, index: Tensor) -> Tensor:
        return self.action_index_tensor[index]

    def clip_weights(self) -> None:
        if self.clip_range > 0:
            for module in self.net.modules():
                if isinstance(module, (nn.Linear, nn.Conv2d)):
                    module.weight.data.clamp_(-self.clip_range, self.clip_range)
