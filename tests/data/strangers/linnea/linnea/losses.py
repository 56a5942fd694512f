from __future__ import annotations

import torch
from torch import Tensor


class Surrogate:
    def __init__(self, clip: float = 0.2) -> None:
        self.clip = clip

    def __call__(self, out, batch, advantages: Tensor, weights: Tensor) -> Tensor:
        ratio = (out["act_log_prob"] - batch["act_log_prob"]).exp()
        worst = torch.minimum(ratio * advantages, ratio.clamp(1 - self.clip, 1 + self.clip) * advantages)
        return -(weights[:, None] * worst).mean()


class HuberValue:
    def __call__(self, out, targets: Tensor, weights: Tensor) -> Tensor:
        error = torch.nn.functional.huber_loss(out["value"][..., 0], targets, reduction="none")
        return (weights[:, None] * error).mean()


class Objective:
    """The sum of its terms; what each of them was last is kept for the log."""

    def __init__(self, value_coef: float = 0.5, entropy_coef: float = 0.005) -> None:
        self.surrogate, self.value = Surrogate(), HuberValue()
        self.value_coef, self.entropy_coef = value_coef, entropy_coef
        self.last: dict[str, Tensor] = {}

    def __call__(self, out, batch, advantages: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        self.last = {
            "surrogate": self.surrogate(out, batch, advantages, weights),
            "value": self.value_coef * self.value(out, targets, weights),
            "entropy": -self.entropy_coef * out["entropy"].mean(),
        }
        return sum(self.last.values())
