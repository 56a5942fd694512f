"""What policies share: recurrent state per environment group, joint actions, weights."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor, nn


class GroupBank:
    """States of the core, [parts, groups, layers, rows, width]; a group's slot follows from its first environment."""

    def open_bank(self, core: nn.Module, groups: int, rows: int, parts: int = 2) -> None:
        self.rows_per_group = rows
        shape = (parts, groups, core.num_layers, rows, core.hidden_size)
        self.register_buffer("bank", torch.zeros(shape), persistent=False)

    def slot(self, td: TensorDict) -> Tensor:
        start = td.get("training_env_id_start", None)
        if start is None:
            return torch.zeros(1, dtype=torch.int64, device=self.bank.device)
        return start.reshape(-1)[:1] // self.rows_per_group

    def recall(self, td: TensorDict) -> Tensor:
        states = self.bank.index_select(1, self.slot(td)).squeeze(1)[:, :, : td.batch_size[0]]
        for flag in ("dones", "truncateds"):
            ended = td.get(flag, None)
            if ended is not None:
                states = states.masked_fill(ended.bool().view(1, 1, -1, 1), 0.0)
        return states.contiguous()

    def keep(self, td: TensorDict, *states: Tensor) -> None:
        self.bank[:, self.slot(td), :, : td.batch_size[0]] = torch.stack(states).detach().unsqueeze(1)

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> Tensor:
        return self.bank.clone()

    def set_memory(self, memory: Tensor) -> None:
        self.bank.copy_(memory)

    def reset_memory(self) -> None:
        self.bank.zero_()

    def __getstate__(self):
        state = self.__dict__.copy()
        state["_buffers"] = {**self._buffers, "bank": torch.zeros_like(self.bank)}
        return state


class JointActions:
    cum_action_max_params: Tensor
    action_index_tensor: Tensor

    def _convert_action_to_logit_index(self, action: Tensor) -> Tensor:
        kind, argument = action[:, 0].long(), action[:, 1].long()
        return kind + self.cum_action_max_params[kind] + argument

    def _convert_logit_index_to_action(self, index: Tensor) -> Tensor:
        return self.action_index_tensor[index].to(torch.int32)

    def activate_action_embeddings(self, names: list[str], device: torch.device) -> None:
        self.policy.head.activate(len(names), device)


class BoundWeights:
    def clip_weights(self) -> None:
        if self.clip_range > 0:
            with torch.no_grad():
                for module in self.modules():
                    if isinstance(module, (nn.Linear, nn.Conv2d)):
                        module.weight.clamp_(-self.clip_range, self.clip_range)

    def l2_init_loss(self) -> Tensor:
        return torch.stack([(p - q.to(p.device)).square().sum() for p, q in zip(self.anchored(), self.anchors)]).sum()

    def anchored(self) -> list[Tensor]:
        return [m.weight for m in self.modules() if isinstance(m, (nn.Linear, nn.Conv2d))]

    def drop_anchors(self) -> None:
        self.anchors = [p.detach().clone() for p in self.anchored()]


def stamps(batch: int, steps: int, device: torch.device) -> dict[str, Tensor]:
    rows = batch * steps
    return {
        "bptt": torch.full((rows,), steps, dtype=torch.int64, device=device),
        "batch": torch.full((rows,), batch, dtype=torch.int64, device=device),
    }


def settle(core: nn.Module) -> nn.Module:
    """Orthogonal weights, open gates."""
    for name, p in core.named_parameters():
        nn.init.constant_(p, 1.0) if "bias" in name else nn.init.orthogonal_(p)
    return core


def reject(policy: nn.Module, options: dict) -> None:
    if options:
        raise TypeError(f"{type(policy).__name__}: unknown options {sorted(options)}")
