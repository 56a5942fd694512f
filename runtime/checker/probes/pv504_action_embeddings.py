"""The head tells actions apart: permuting the rows of the action-embedding table permutes the logits."""

import torch
from torch import Tensor, nn

from ..harness import TOLERANCE, Bench, BrokenClauseError, NotApplicableError, difference

HINT = "score every action against its own embedding row; a mean over the table says nothing about an action"
ROWS, LOUD = 512, 10.0


def probe(bench: Bench) -> str:
    policy = bench.policy()
    observed = bench.observations(2)
    joint = len(bench.joint_actions())
    log_probs, _ = _read(bench, policy, observed)
    if log_probs.shape[-1] < 3 or not bool(log_probs.isfinite().all()):
        raise NotApplicableError("fewer than three logits a row, or masked ones (see PV510)")
    tables = {
        path: module.weight
        for path, module in policy.named_modules()
        if isinstance(module, nn.Embedding)
        and min(joint, log_probs.shape[-1]) <= module.num_embeddings <= ROWS
    }
    action_tables = {
        path: table for path, table in tables.items() if _moves_only_logits(bench, policy, observed, table)
    }
    if not action_tables:
        raise NotApplicableError(
            "no embedding table moves the logits and not the value: none is tied to actions"
        )
    for path, table in action_tables.items():
        _check(bench, policy, observed, path, table)
    return ", ".join(f"the rows of {path} permute the logits" for path in action_tables)


def _read(bench: Bench, policy: nn.Module, observed: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probs [B, A] and values [B] of a first step from the zero state."""
    outputs = bench.outputs(bench.step(bench.twin(policy), observed.clone()))
    return outputs.full_log_probs, outputs.value


def _with_table(
    bench: Bench, policy: nn.Module, observed: Tensor, table: Tensor, other: Tensor
) -> tuple[Tensor, Tensor]:
    kept = table.detach().clone()
    with torch.no_grad():
        table.copy_(other)
    try:
        return _read(bench, policy, observed)
    finally:
        with torch.no_grad():
            table.copy_(kept)


def _moves_only_logits(bench: Bench, policy: nn.Module, observed: Tensor, table: Tensor) -> bool:
    log_probs, value = _read(bench, policy, observed)
    noise = torch.randn(table.shape, generator=bench.rng)
    moved, moved_value = _with_table(bench, policy, observed, table, table.detach() + LOUD * noise)
    return difference(moved, log_probs) > TOLERANCE and difference(moved_value, value) <= TOLERANCE


def _check(bench: Bench, policy: nn.Module, observed: Tensor, path: str, table: Tensor) -> None:
    log_probs, _ = _read(bench, policy, observed)
    logits = log_probs.shape[-1]
    shuffled = table.detach()[torch.randperm(len(table), generator=bench.rng)]
    same, _ = _with_table(bench, policy, observed, table, shuffled)
    if difference(same, log_probs) <= TOLERANCE:
        raise BrokenClauseError(f"shuffling the rows of {path} changes no logit: the table is averaged")
    row_of = _row_of_each_logit(bench, policy, observed, path, table)
    order = torch.randperm(logits, generator=bench.rng)
    permuted = table.detach().clone()
    permuted[row_of] = table.detach()[row_of[order]]
    moved, _ = _with_table(bench, policy, observed, table, permuted)
    if (apart := difference(moved, log_probs[:, order])) > TOLERANCE:
        raise BrokenClauseError(
            f"permuting the rows of {path} does not permute the logits: they differ by {apart:.1e}"
        )


def _row_of_each_logit(bench: Bench, policy: nn.Module, observed: Tensor, path: str, table: Tensor) -> Tensor:
    """int64 [A]: the table row behind each logit; raises where a row moves several, or a logit has none."""
    log_probs, _ = _read(bench, policy, observed)
    found: dict[int, int] = {}
    for row in range(len(table)):
        changed = table.detach().clone()
        changed[row] += LOUD * torch.randn(changed[row].shape, generator=bench.rng)
        moved, _ = _with_table(bench, policy, observed, table, changed)
        # Normalisation shifts every log-prob of a row alike; the median takes that shift out.
        shift = moved - log_probs
        moved_logits = ((shift - shift.median(-1, keepdim=True).values).abs() > TOLERANCE).any(0).nonzero()
        if len(moved_logits) > 1:
            raise BrokenClauseError(
                f"row {row} of {path} moves {len(moved_logits)} logits: the head cannot tell actions apart"
            )
        if len(moved_logits):
            found[int(moved_logits)] = row
    if missing := sorted(set(range(log_probs.shape[-1])) - set(found)):
        raise BrokenClauseError(f"no row of {path} moves the logits {missing}")
    return torch.tensor([found[logit] for logit in range(log_probs.shape[-1])])
