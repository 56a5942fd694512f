"""The optimizers of the reference trainer: Adam, and Muon with Adam for what Muon cannot take."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn


class JointOptimizer:
    """Several optimizers, each with parameters of its own, as one."""

    def __init__(self, optimizers: Iterable[torch.optim.Optimizer]) -> None:
        self.optimizers = list(optimizers)

    def zero_grad(self, set_to_none: bool = True) -> None:
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none)

    def step(self) -> None:
        for optimizer in self.optimizers:
            optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        return {str(place): optimizer.state_dict() for place, optimizer in enumerate(self.optimizers)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Raises ValueError when the state is of another number of optimizers."""
        if len(state) != len(self.optimizers):
            raise ValueError(f"the state is of {len(state)} optimizers, these are {len(self.optimizers)}")
        for place, optimizer in enumerate(self.optimizers):
            optimizer.load_state_dict(state[str(place)])


def build_optimizer(
    policy: nn.Module, kind: str = "adam", learning_rate: float = 4.573e-4, eps: float = 1e-12
) -> JointOptimizer:
    """Adam for all parameters of `policy`; or Muon for its weight matrices and Adam for the rest.

    Muon orthogonalises the update of a matrix, which means nothing for biases, convolutions' kernels, the
    rows of an embedding, or a head with a single output. Its updates are scaled to the size of Adam's, so
    that one learning rate serves both. Defaults of Adam: the reference trainer's.

    Source of Muon: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024; the
    scaling is that of Liu et al., "Muon is Scalable for LLM Training", 2025.

    Raises:
        ValueError: another `kind` than "adam" or "muon".
        RuntimeError: "muon" with a torch that has none (before 2.9).
    """
    trained = [parameter for parameter in policy.parameters() if parameter.requires_grad]
    if kind == "adam":
        return JointOptimizer([torch.optim.Adam(trained, lr=learning_rate, eps=eps)])
    if kind != "muon":
        raise ValueError(f'the optimizer must be "adam" or "muon", got {kind!r}')
    if not hasattr(torch.optim, "Muon"):
        raise RuntimeError(f"torch {torch.__version__} has no Muon: it needs torch 2.9 or newer")
    rows = {id(table.weight) for table in policy.modules() if isinstance(table, nn.Embedding)}
    matrices = [p for p in trained if p.dim() == 2 and min(p.shape) > 1 and id(p) not in rows]
    chosen = {id(parameter) for parameter in matrices}
    others = [parameter for parameter in trained if id(parameter) not in chosen]
    optimizers: list[torch.optim.Optimizer] = []
    if matrices:
        optimizers.append(
            torch.optim.Muon(
                matrices,
                lr=learning_rate,
                momentum=0.95,
                weight_decay=0.0,
                adjust_lr_fn="match_rms_adamw",
            )
        )
    if others:
        optimizers.append(torch.optim.Adam(others, lr=learning_rate, eps=eps))
    return JointOptimizer(optimizers)
