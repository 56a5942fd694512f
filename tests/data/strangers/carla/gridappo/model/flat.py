"""Variants for the throughput study."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from gridappo.model.actor_critic import ActorCritic


class FlatActorCritic(ActorCritic):
    """The forward of the base, without its bookkeeping."""

    def __init__(self, env, **options) -> None:
        super().__init__(env, **options)
        self.confidence: list[Tensor] = []

    def forward(self, td: TensorDict, state=None, action: Tensor | None = None) -> TensorDict:
        batch, steps = td.batch_size[0], td.batch_size[1] if action is not None else 1
        rows = td.reshape(-1) if action is not None else td
        features = self.core(self.encoder(rows["env_obs"]), rows, batch, steps)
        log_probs = torch.log_softmax(self.actor(features), dim=-1)
        self.confidence.append(log_probs.detach().exp().amax(dim=-1).mean().cpu())
        if action is None:
            self._act(rows, log_probs, self.critic(features))
        else:
            self._evaluate(rows, log_probs, self.critic(features), action.reshape(-1, 2))
        return rows

    def _evaluate(self, td: TensorDict, log_probs: Tensor, value: Tensor, action: Tensor) -> None:
        index = self.action_to_index(action)[:, None]
        td.update(
            {
                "act_log_prob": torch.take_along_dim(log_probs, index, dim=-1)[:, 0],
                "value": value,
                "full_log_probs": log_probs,
            }
        )

    def clip_weights(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                torch.clamp(module.weight.data, -self.clip_range, self.clip_range)


class InspectedActorCritic(ActorCritic):
    """Writes statistics for a notebook, when asked to. Memory is handed out on the CPU, where notebooks live."""

    def __init__(self, env, inspect: bool = False, **options) -> None:
        super().__init__(env, **options)
        self.inspect = inspect
        self.curve: list[float] = []

    def get_memory(self) -> Tensor:
        return self.core.states.detach().cpu().clone()

    def _act(self, td: TensorDict, log_probs: Tensor, value: Tensor) -> None:
        super()._act(td, log_probs, value)
        if self.inspect:
            self.curve.append(value.mean().item())
        # a flag per row that the viewer colours by
        threshold = torch.full((1,), 0.5).to(value.device)
        td["confident"] = log_probs.exp().amax(dim=-1) > threshold

    def mean_value(self) -> float:
        return float(torch.tensor(self.curve).mean()) if self.curve else float("nan")
