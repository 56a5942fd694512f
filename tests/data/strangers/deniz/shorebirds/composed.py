"""The forward that every agent here shares; agents differ in their parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import Tensor, nn
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

from .memory import Bank, RowBank
from .shapes import ended, stamp


@dataclass(slots=True)
class Parts:
    encoder: nn.Module
    core: nn.Module
    head: nn.Module
    critic: nn.Module
    bank: Bank


class Composed(nn.Module):
    def __init__(self, parts: Parts, clip_range: float = 0.0, analyze_weights_interval: int = 300) -> None:
        super().__init__()
        self.encoder = parts.encoder
        self.core = parts.core
        self.head = parts.head
        self.critic = parts.critic
        self.bank = parts.bank
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval

    # --- actions -----------------------------------------------------------------------------------------------

    def activate_actions(self, names: list[str], max_params: list[int], device: torch.device) -> None:
        counts = torch.tensor(max_params, device=device) + 1
        self.offsets = torch.cumsum(counts, 0) - counts
        pairs = [(kind, param) for kind, most in enumerate(max_params) for param in range(most + 1)]
        self.pairs = torch.tensor(pairs, dtype=torch.int32, device=device)

    @property
    def num_actions(self) -> int:
        return self.pairs.shape[0]

    def _joint(self, action: Tensor) -> Tensor:
        action = action.long()
        return self.offsets[action[..., 0]] + action[..., 1]

    # --- forward -----------------------------------------------------------------------------------------------

    def forward(self, td: TensorDict, state=None, action: Tensor | None = None) -> TensorDict:
        return self._act(td) if action is None else self._evaluate(td, action)

    def _act(self, td: TensorDict) -> TensorDict:
        (batch,) = td.batch_size
        stamp(td, steps=1, rows=batch)
        memory = self._fresh_where(self.bank.read(td, batch), self._ended(td, (batch,)))
        core, memory = self.core(self.encoder(td["env_obs"]), memory)
        self.bank.write(td, batch, memory)
        log_probs, value = self._heads(core)
        index = torch.multinomial(log_probs.exp(), 1)
        td["actions"] = self.pairs[index.squeeze(-1)]
        td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
        td["values"] = value.squeeze(-1)
        td["full_log_probs"] = log_probs
        return td

    def _evaluate(self, td: TensorDict, action: Tensor) -> TensorDict:
        batch, steps = td.batch_size
        flat = td.reshape(batch * steps)
        stamp(flat, steps=steps, rows=batch)
        features = self.encoder(flat["env_obs"]).view(batch, steps, -1)
        core = self._unroll(features, self._ended(td, (batch, steps)))
        log_probs, value = self._heads(core.reshape(batch * steps, -1))
        index = self._joint(action.reshape(batch * steps, 2)).unsqueeze(-1)
        flat["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
        flat["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        flat["value"] = value
        flat["full_log_probs"] = log_probs
        return flat.reshape(batch, steps)

    def _unroll(self, features: Tensor, over: Tensor) -> Tensor:
        memory = torch.zeros(features.shape[0], *self.core.shape, device=features.device)
        outputs = []
        for now, end in zip(features.unbind(1), over.unbind(1), strict=True):
            out, memory = self.core(now, self._fresh_where(memory, end))
            outputs.append(out)
        return torch.stack(outputs, dim=1)

    def _heads(self, core: Tensor) -> tuple[Tensor, Tensor]:
        return F.log_softmax(self.head(core, self.num_actions), dim=-1), self.critic(core)

    def _ended(self, td: TensorDict, shape: tuple[int, ...]) -> Tensor:
        return ended(td, shape)

    @staticmethod
    def _fresh_where(memory: Tensor, over: Tensor) -> Tensor:
        return memory.masked_fill(over.view(-1, *[1] * (memory.dim() - 1)), 0.0)

    # --- what trainers ask for ---------------------------------------------------------------------------------

    def has_memory(self) -> bool:
        return True

    def get_memory(self):
        return self.bank.snapshot()

    def set_memory(self, memory) -> None:
        self.bank.restore(memory)

    def reset_memory(self) -> None:
        self.bank.clear()

    def clip_weights(self) -> None:
        if self.clip_range <= 0:
            return
        with torch.no_grad():
            for layer in self._affine():
                layer.weight.clamp_(-self.clip_range, self.clip_range)

    def _affine(self) -> Iterator[nn.Module]:
        return (m for m in self.modules() if isinstance(m, nn.Linear | nn.Conv2d))

    def get_agent_experience_spec(self) -> Composite:
        flag = UnboundedContinuous(shape=(), dtype=torch.float32)
        return Composite(
            env_obs=UnboundedDiscrete(shape=(200, 3), dtype=torch.uint8), dones=flag, truncateds=flag.clone()
        )


def row_bank(core: nn.Module) -> RowBank:
    return RowBank(*core.shape)
