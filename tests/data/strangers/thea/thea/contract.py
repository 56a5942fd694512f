from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Sequence

import torch
from torch import Tensor, nn
from torchrl.data import Composite, UnboundedDiscrete

from thea.rows import Rows, State, StateBook, walk


class Environment(Protocol):
    obs_width: int
    obs_height: int
    feature_normalizations: dict[int, float]
    single_observation_space: Any
    max_action_args: Sequence[int]
    action_names: Sequence[str]


@dataclass(frozen=True)
class Verdict:
    log_probs: Tensor
    value: Tensor

    def of(self, index: Tensor) -> Tensor:
        return torch.take_along_dim(self.log_probs, index.view(-1, 1), dim=1).view(-1)

    @property
    def entropy(self) -> Tensor:
        return torch.special.entr(self.log_probs.exp()).sum(dim=1)

    def sample(self) -> Tensor:
        return self.log_probs.exp().multinomial(1).view(-1)


class Contract(nn.Module):
    """All that a trainer asks of a policy but forward."""

    cum_action_max_params: Tensor
    action_index_tensor: Tensor

    def __init__(
        self,
        env: Environment,
        *,
        hidden_size: int = 128,
        num_layers: int = 2,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
        **unknown: Any,
    ) -> None:
        if unknown:
            raise TypeError(f"{type(self).__name__} has no options {sorted(unknown)}")
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.hidden_size = hidden_size
        self.token_shape = tuple(env.single_observation_space.shape)
        self.core = nn.LSTM(hidden_size, hidden_size, num_layers)
        self.prepare(self.core)
        self.book = StateBook(num_layers, hidden_size)
        self.origin: dict[str, Tensor] = {}

    @staticmethod
    def prepare(core: nn.Module) -> None:
        for name, parameter in core.named_parameters():
            match name.partition("_")[0]:
                case "bias":
                    nn.init.ones_(parameter)
                case _:
                    nn.init.orthogonal_(parameter)

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> State | None:
        return self.book.snapshot()

    def set_memory(self, memory: State | None) -> None:
        self.book.restore(memory)

    def reset_memory(self) -> None:
        self.book.clear()

    def remember(self, rows: Rows, seen: Tensor) -> Tensor:
        places = rows.places()
        state = self.book.read(places)
        said: list[Tensor] = []
        for out, state in walk(self.core, rows.by_step(seen), rows.fresh(), state):
            said.append(out)
        self.book.write(places, state)
        return rows.by_row(said)

    def matrices(self) -> dict[str, nn.Parameter]:
        return {
            name: parameter
            for name, parameter in self.named_parameters()
            if name.endswith("weight") and parameter.dim() > 1 and "embedding" not in name
        }

    def settle(self) -> None:
        self.origin = {name: parameter.detach().clone() for name, parameter in self.matrices().items()}

    def clip_weights(self) -> None:
        if self.clip_range > 0.0:
            with torch.no_grad():
                torch._foreach_clamp_min_(list(self.matrices().values()), -self.clip_range)
                torch._foreach_clamp_max_(list(self.matrices().values()), self.clip_range)

    def l2_init_loss(self) -> Tensor:
        distances = [
            (parameter - self.origin[name].to(parameter.device)).pow(2).sum()
            for name, parameter in self.matrices().items()
        ]
        return torch.stack(distances).sum()

    def get_agent_experience_spec(self) -> Composite:
        return Composite(env_obs=UnboundedDiscrete(shape=self.token_shape, dtype=torch.uint8))

    def _convert_action_to_logit_index(self, pairs: Tensor) -> Tensor:
        kind, argument = pairs.long().flatten(end_dim=-2).T
        return kind + self.cum_action_max_params[kind] + argument

    def _convert_logit_index_to_action(self, index: Tensor) -> Tensor:
        return self.action_index_tensor[index]
