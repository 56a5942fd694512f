"""What came after Slate. Some of it will replace it."""

from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn

from thea.contract import Environment, Verdict
from thea.encoders import ThinEncoder, TintedBox
from thea.registry import register
from thea.rows import Rows, State
from thea.slate import Slate


@register("gneiss")
class Gneiss(Slate):
    """The small one: one layer, thin encoder."""

    def __init__(self, env: Environment, hidden_size: int = 64, clip_range: float = 0.0,
                 analyze_weights_interval: int = 300) -> None:
        super().__init__(env, hidden_size=hidden_size, num_layers=1, clip_range=clip_range)

    def make_encoder(self, env: Environment) -> nn.Module:
        return ThinEncoder(TintedBox(env), self.hidden_size)


@register("slate_inertia")
class SlateInertia(Slate):
    """Sees what it did last."""

    def __init__(self, env: Environment, **options: Any) -> None:
        super().__init__(env, **options)
        self.echo = nn.Sequential(nn.Linear(2, self.hidden_size), nn.Tanh())
        self.settle()

    def forward(self, td: TensorDictBase, state: Any = None, action: Tensor | None = None) -> TensorDictBase:
        rows = Rows.of(td).stamp()
        seen = self.encoder(rows.flat["env_obs"]) + self.echo(rows.flat["last_actions"].float())
        verdict = self.judge(self.remember(rows, seen))
        if action is None:
            index = verdict.sample()
            td["actions"] = self._convert_logit_index_to_action(index).to(torch.int32)
            td["act_log_prob"] = verdict.of(index)
            td["values"] = verdict.value
            return td
        rows.flat["act_log_prob"] = verdict.of(self._convert_action_to_logit_index(action))
        rows.flat["entropy"] = verdict.entropy
        rows.flat["value"] = verdict.value
        rows.flat["full_log_probs"] = verdict.log_probs
        return rows.restored()


@register("slate_expected")
class SlateExpected(Slate):
    """Less variance: the expectation over all actions instead of a sample."""

    def forward(self, td: TensorDictBase, state: Any = None, action: Tensor | None = None) -> TensorDictBase:
        rows = Rows.of(td).stamp()
        verdict = self.judge(self.remember(rows, self.encoder(rows.flat["env_obs"])))
        flat = rows.flat
        flat["full_log_probs"] = verdict.log_probs
        flat["value"] = verdict.value
        if action is None:
            index = verdict.sample()
            flat["actions"] = self._convert_logit_index_to_action(index).to(torch.int32)
            flat["act_log_prob"] = verdict.of(index)
            return td
        flat["act_log_prob"] = (verdict.log_probs.exp() * verdict.log_probs).sum(-1)
        flat["entropy"] = verdict.entropy
        return flat.reshape(rows.steps, rows.count)


@register("slate_shelves")
class SlateShelves(Slate):
    """A shelf for each group instead of a book: groups may have any size."""

    def __init__(self, env: Environment, **options: Any) -> None:
        super().__init__(env, **options)
        self.shelves: dict[int, State] = {}

    def get_memory(self) -> dict[int, State]:
        return self.shelves

    def set_memory(self, memory: dict[int, State]) -> None:
        self.shelves = dict(memory)

    def reset_memory(self) -> None:
        self.shelves = {}

    @torch.compiler.disable
    def remember(self, rows: Rows, seen: Tensor) -> Tensor:
        group = 0
        if "training_env_id_start" in rows.flat.keys():
            group = rows.flat["training_env_id_start"][0].item()
        shape = (self.core.num_layers, rows.count, self.hidden_size)
        h, c = self.shelves.get(group) or (torch.zeros(shape), torch.zeros(shape))
        both = {"dones", "truncateds"} <= set(rows.flat.keys())
        fresh = rows.fresh() if both else None
        said: list[Tensor] = []
        for t, x in enumerate(rows.by_step(seen)):
            if fresh is not None:
                h, c = h.masked_fill(fresh[t], 0.0), c.masked_fill(fresh[t], 0.0)
            out, (h, c) = self.core(x.unsqueeze(0), (h, c))
            said.append(out.squeeze(0))
        self.shelves[group] = (h.detach(), c.detach())
        return rows.by_row(said)


@register("slate_lenient")
class SlateLenient(Slate):
    """Takes whatever an old config says."""

    def __init__(self, env: Environment, hidden_size: int = 128, clip_range: float = 0.0,
                 analyze_weights_interval: int = 300, **options: Any) -> None:
        layers = options.get("num_layers", 2)
        super().__init__(env, hidden_size=hidden_size, num_layers=layers, clip_range=clip_range,
                         analyze_weights_interval=analyze_weights_interval)
        self.bound = 0.0

    def clip_weights(self) -> None:
        if self.bound > 0.0:
            with torch.no_grad():
                for parameter in self.matrices().values():
                    parameter.clamp_(-self.bound, self.bound)


@register("slate_careful")
class SlateCareful(Slate):
    """Looks at its verdict before it passes it on."""

    def judge(self, hidden: Tensor) -> Verdict:
        verdict = super().judge(hidden)
        if verdict.value.abs().max() > 100.0:
            return Verdict(verdict.log_probs, verdict.value.clamp(-100.0, 100.0))
        return verdict

    def remember(self, rows: Rows, seen: Tensor) -> Tensor:
        places = rows.places()
        state = self.book.read(places)
        fresh = rows.fresh()
        said: list[Tensor] = []
        for t, x in enumerate(rows.by_step(seen)):
            state = tuple(torch.where(fresh[t], torch.zeros_like(part), part) for part in state)
            out, state = self.core(x.unsqueeze(0), state)
            said.append(out.squeeze(0))
        self.book.write(places, state)
        return rows.by_row(said)


@register("slate_wide")
class SlateWide(Slate):
    """Twice the units, if the config says nothing else."""

    def __init__(self, env: Environment, *, hidden_size: int = 256, **options: Any) -> None:
        super().__init__(env, hidden_size=hidden_size, **options)
