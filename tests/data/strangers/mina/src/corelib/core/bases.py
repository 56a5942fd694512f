from __future__ import annotations

import abc

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn

from .mixins import ActionTableMixin, ClipMixin, ExperienceMixin, MemoryMixin, Shape, StampMixin, select_observations


def initialise_core(core: nn.RNNBase) -> nn.RNNBase:
    for name, parameter in core.named_parameters():
        (nn.init.ones_ if "bias" in name else nn.init.orthogonal_)(parameter)
    return core


class RecurrentAgent(StampMixin, ClipMixin, ActionTableMixin, MemoryMixin, ExperienceMixin, nn.Module, abc.ABC):
    """Template method: subclasses say how to encode, how to step the core, and how to decode."""

    def __init__(self, env, *, clip_range: float = 0.0, analyze_weights_interval: int = 300) -> None:
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.observation_shape = tuple(env.single_observation_space.shape)
        self.num_actions = self._register_actions(list(env.max_action_args))

    @abc.abstractmethod
    def encode(self, tokens: Tensor) -> Tensor: ...

    @abc.abstractmethod
    def advance(self, inputs: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """One step: [rows, in] and [parts, layers, rows, width] to [rows, width] and the new memory."""

    @abc.abstractmethod
    def decode(self, hidden: Tensor) -> tuple[Tensor, Tensor]: ...

    def recur(self, td: TensorDictBase, encoded: Tensor, shape: Shape, acting: bool) -> Tensor:
        begins = self._begins(td, shape)
        environments = self._environments(td, shape)
        memory = self.memory[:, :, environments] if acting else torch.zeros_like(self.memory[:, :, : shape.rows])
        outputs = []
        for inputs, begin in zip(encoded.view(*shape, -1).unbind(1), begins.unbind(1), strict=True):
            output, memory = self.advance(inputs, memory.masked_fill(begin[None, None, :, None], 0.0))
            outputs.append(output)
        if acting:
            self.memory[:, :, environments] = memory.detach()
        return torch.stack(outputs, dim=1).flatten(0, 1)

    def forward(self, td: TensorDictBase, state=None, action: Tensor | None = None) -> TensorDictBase:
        td, shape = self.flatten(td)
        observations = select_observations(td)
        self.stamp(td, shape=shape, device=observations.device)
        hidden = self.recur(td, self.encode(observations), shape, acting=action is None)
        logits, value = self.decode(hidden)
        log_probs = logits.log_softmax(dim=-1)
        td.set("full_log_probs", log_probs)
        if action is None:
            index = log_probs.exp().multinomial(num_samples=1).squeeze(-1)
            td.set("actions", self.to_action(index))
            td.set("act_log_prob", log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1))
            td.set("values", value.squeeze(-1))
            return td
        index = self.to_index(action.reshape(shape.flat, 2))
        td.set("act_log_prob", log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1))
        td.set("entropy", -(log_probs.exp() * log_probs).sum(dim=-1))
        td.set("value", value)
        return td.reshape(shape)
