from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from ..config import PolicyConfig
from ..encoders import BoxEncoder
from ..heads import BilinearHead


class GridGRU(nn.Module):
    """Convolutions, a GRU and a bilinear head.

    The state has a row for each environment: `training_env_id_start` names the first of a group.
    """

    has_memory = True

    def __init__(self, env, **keywords: Any) -> None:
        super().__init__()
        self.config = config = PolicyConfig.from_keywords(keywords)
        self.clip_range = config.clip_range
        self.analyze_weights_interval = config.analyze_weights_interval
        self.encoder = BoxEncoder(env, config.channels, config.hidden)
        self.core = nn.GRU(config.hidden, config.hidden, config.layers)
        for name, parameter in self.core.named_parameters():
            if name.startswith("bias"):
                nn.init.ones_(parameter)
            else:
                nn.init.orthogonal_(parameter)
        self.critic = nn.Linear(config.hidden, 1)
        self.actor = BilinearHead(config.hidden, sum(most + 1 for most in env.max_action_args))
        self.cum_action_max_params: Tensor | None = None
        self.action_index_tensor: Tensor | None = None
        self._hidden: Tensor | None = None  # [layers, environments, hidden]

    # memory

    def get_memory(self) -> Tensor | None:
        return None if self._hidden is None else self._hidden.clone()

    def set_memory(self, memory: Tensor | None) -> None:
        self._hidden = None if memory is None else memory.clone()

    def reset_memory(self) -> None:
        self._hidden = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_hidden": None}

    def _rows(self, td: TensorDict, count: int) -> Tensor:
        rows = torch.arange(count, device=td["env_obs"].device)
        start = td.get("training_env_id_start", None)
        return rows if start is None else rows + start

    def _recall(self, td: TensorDict, rows: Tensor) -> Tensor:
        """The state of these rows, zero where an episode has just ended."""
        config = self.config
        if self._hidden is None:
            self._hidden = torch.zeros(config.layers, 4096, config.hidden, device=rows.device)
        state = self._hidden[:, rows]
        for flag in ("dones", "truncateds"):
            ended = td.get(flag, None)
            if ended is not None:
                state = state.masked_fill(ended.bool().view(1, -1, 1), 0.0)
        return state

    def _unroll(self, hidden: Tensor, td: TensorDict, batch: int, steps: int) -> Tensor:
        if steps == 1:
            rows = self._rows(td, batch)
            out, state = self.core(hidden.unsqueeze(0), self._recall(td, rows))
            self._hidden[:, rows] = state.detach()
            return out.squeeze(0)
        sequence = hidden.view(batch, steps, -1).transpose(0, 1)
        zero = torch.zeros(self.config.layers, batch, self.config.hidden, device=hidden.device)
        out, _ = self.core(sequence, zero)
        return out.transpose(0, 1).flatten(0, 1)

    # the contract

    def forward(self, td: TensorDict, state: Any = None, action: Tensor | None = None) -> TensorDict:
        batch, steps = td.batch_size if td.batch_dims == 2 else (td.batch_size[0], 1)
        if td.batch_dims == 2:
            td = td.reshape(batch * steps)
        observations = td["env_obs"]
        td["bptt"] = torch.full((batch * steps,), steps, dtype=torch.long, device=observations.device)
        td["batch"] = torch.full((batch * steps,), batch, dtype=torch.long, device=observations.device)

        features = self._unroll(self.encoder(observations), td, batch, steps)
        log_probs = self.actor(features).log_softmax(-1)
        value = self.critic(features)
        td["full_log_probs"] = log_probs
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1)
            td["actions"] = self._convert_logit_index_to_action(index.squeeze(-1)).to(torch.int32)
            td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
            td["values"] = value.squeeze(-1)
            return td
        index = self._convert_action_to_logit_index(action.flatten(0, -2))
        td["act_log_prob"] = log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        td["value"] = value
        return td.reshape(batch, steps)

    def _convert_action_to_logit_index(self, pairs: Tensor) -> Tensor:
        kind, argument = pairs.long().unbind(-1)
        return kind + self.cum_action_max_params[kind] + argument

    def _convert_logit_index_to_action(self, index: Tensor) -> Tensor:
        return self.action_index_tensor[index]

    @torch.no_grad()
    def clip_weights(self) -> None:
        if self.clip_range <= 0:
            return
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                module.weight.clamp_(-self.clip_range, self.clip_range)
