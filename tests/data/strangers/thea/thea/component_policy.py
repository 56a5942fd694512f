from __future__ import annotations

from importlib import import_module
from typing import Any, Mapping, Sequence

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn
from torchrl.data import Composite, UnboundedDiscrete

from thea.contract import Environment, State, Verdict
from thea.parts import Core, Part
from thea.rows import Rows


def locate(target: str) -> type[Part]:
    module, _, name = target.rpartition(".")
    return getattr(import_module(module), name)


class ComponentPolicy(nn.Module):
    """The parts of an agent config, run from its two heads down."""

    cum_action_max_params: Tensor
    action_index_tensor: Tensor

    def __init__(
        self,
        env: Environment,
        components: Mapping[str, Mapping[str, Any]],
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
    ) -> None:
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.token_shape = tuple(env.single_observation_space.shape)
        self.parts = nn.ModuleDict()
        self.order: list[str] = []
        widths: dict[str, int] = {}
        for head in ("_value_", "_action_"):
            self._set_up(head, env, components, widths)
        if unread := set(components) - set(self.order):
            raise RuntimeError(f"nobody reads {sorted(unread)}")

    def _set_up(self, name: str, env: Environment, components: Mapping[str, Any], widths: dict[str, int]) -> None:
        if name in widths:
            return
        options = {key: value for key, value in components[name].items() if key != "_target_"}
        part = locate(components[name]["_target_"])(name=name, **options)
        for source in part.sources:
            self._set_up(source, env, components, widths)
        widths[name] = part.setup(env, [widths[source] for source in part.sources])
        self.parts[name] = part
        self.order.append(name)

    def cores(self) -> dict[str, Core]:
        return {name: part for name, part in self.parts.items() if isinstance(part, Core)}

    def has_memory(self) -> bool:
        return len(self.cores()) > 0

    def get_memory(self) -> dict[str, State | None]:
        return {name: core.book.snapshot() for name, core in self.cores().items()}

    def set_memory(self, memory: Mapping[str, State | None]) -> None:
        for name, core in self.cores().items():
            core.book.restore(memory.get(name))

    def reset_memory(self) -> None:
        for core in self.cores().values():
            core.book.clear()

    @torch.no_grad()
    def clip_weights(self) -> None:
        if self.clip_range > 0.0:
            for module in self.modules():
                if isinstance(module, (nn.Linear, nn.Conv2d)):
                    module.weight.clamp_(-self.clip_range, self.clip_range)

    def l2_init_loss(self) -> Tensor:
        losses = [part.l2_init_loss() for part in self.parts.values()]
        return torch.stack([loss for loss in losses if loss is not None]).sum()

    def get_agent_experience_spec(self) -> Composite:
        return Composite(env_obs=UnboundedDiscrete(shape=self.token_shape, dtype=torch.uint8))

    def activate_action_embeddings(self, names: Sequence[str], device: torch.device | str) -> None:
        self.action_names = list(names)

    def _convert_action_to_logit_index(self, pairs: Tensor) -> Tensor:
        kind, argument = pairs.reshape(-1, 2).long().unbind(-1)
        return kind + self.cum_action_max_params[kind] + argument

    def _convert_logit_index_to_action(self, index: Tensor) -> Tensor:
        return self.action_index_tensor[index]

    def forward(self, td: TensorDictBase, state: Any = None, action: Tensor | None = None) -> TensorDictBase:
        rows = Rows.of(td).stamp()
        said: dict[str, Tensor] = {}
        for name in self.order:
            part = self.parts[name]
            said[name] = part(rows, *(said[source] for source in part.sources))
        verdict = Verdict(said["_action_"].log_softmax(dim=-1), said["_value_"].squeeze(-1))
        if action is None:
            index = verdict.sample()
            td["actions"] = self._convert_logit_index_to_action(index).to(torch.int32)
            td["act_log_prob"] = verdict.of(index)
            td["values"] = verdict.value
            td["full_log_probs"] = verdict.log_probs
            return td
        rows.flat["act_log_prob"] = verdict.of(self._convert_action_to_logit_index(action))
        rows.flat["entropy"] = verdict.entropy
        rows.flat["value"] = verdict.value
        rows.flat["full_log_probs"] = verdict.log_probs
        return rows.restored()
