"""The embedding tables that a policy scores its actions by, found by what they move.

Letters in shapes: B rows, A logits.
"""

import torch
from torch import Tensor, nn

from .harness import TOLERANCE, Bench, NotApplicableError, difference

ROWS, LOUD = 512, 10.0


def action_tables(bench: Bench, policy: nn.Module, observed: Tensor) -> dict[str, Tensor]:
    """The weights [rows, E] of the embeddings that move the logits and not the value, by path.

    Raises NotApplicableError where there is none, or where logits are too few or not finite.
    """
    log_probs, value = first_step(bench, policy, observed)
    if log_probs.shape[-1] < 3 or not bool(log_probs.isfinite().all()):
        raise NotApplicableError("fewer than three logits a row, or masked ones (see PV510)")
    least = min(len(bench.joint_actions()), log_probs.shape[-1])
    found = {}
    for path, module in policy.named_modules():
        if isinstance(module, nn.Embedding) and least <= module.num_embeddings <= ROWS:
            table = module.weight
            noise = LOUD * torch.randn(table.shape, generator=bench.rng)
            moved, moved_value = with_table(bench, policy, observed, table, table.detach() + noise)
            if difference(moved, log_probs) > TOLERANCE and difference(moved_value, value) <= TOLERANCE:
                found[path] = table
    if not found:
        raise NotApplicableError(
            "no embedding table moves the logits and not the value: none is tied to actions"
        )
    return found


def first_step(bench: Bench, policy: nn.Module, observed: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probs [B, A] and values [B] of a first step of a policy that has made none."""
    outputs = bench.stepped(bench.copy(policy), observed)
    return outputs.full_log_probs, outputs.value


def with_table(
    bench: Bench, policy: nn.Module, observed: Tensor, table: Tensor, other: Tensor
) -> tuple[Tensor, Tensor]:
    """What `first_step` gives where `table` holds what `other` does; it is put back afterwards."""
    kept = table.detach().clone()
    with torch.no_grad():
        table.copy_(other)
    try:
        return first_step(bench, policy, observed)
    finally:
        with torch.no_grad():
            table.copy_(kept)
