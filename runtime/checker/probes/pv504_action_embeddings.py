"""The head tells actions apart: permuting the rows of the action-embedding table permutes the logits."""

import torch
from torch import Tensor, nn

from ..action_tables import LOUD, action_tables, first_step, with_table
from ..harness import TOLERANCE, Bench, BrokenClauseError, difference

HINT = "score every action against its own embedding row; a mean over the table says nothing about an action"


def probe(bench: Bench) -> str:
    policy, observed = bench.policy(), bench.observations(2)
    tables = action_tables(bench, policy, observed)
    for path, table in tables.items():
        _check(bench, policy, observed, path, table)
    return ", ".join(f"the rows of {path} permute the logits" for path in tables)


def _check(bench: Bench, policy: nn.Module, observed: Tensor, path: str, table: Tensor) -> None:
    log_probs, _ = first_step(bench, policy, observed)
    logits = log_probs.shape[-1]
    shuffled = table.detach()[torch.randperm(len(table), generator=bench.rng)]
    same, _ = with_table(bench, policy, observed, table, shuffled)
    if difference(same, log_probs) <= TOLERANCE:
        raise BrokenClauseError(f"shuffling the rows of {path} changes no logit: the table is averaged")
    row_of = _row_of_each_logit(bench, policy, observed, path, table)
    order = torch.randperm(logits, generator=bench.rng)
    permuted = table.detach().clone()
    permuted[row_of] = table.detach()[row_of[order]]
    moved, _ = with_table(bench, policy, observed, table, permuted)
    # What the table adds to each logit: biases of the actions, and the shift of normalisation, stay in place.
    silent, _ = with_table(bench, policy, observed, table, torch.zeros_like(table))
    before, after = (x - x.mean(-1, keepdim=True) for x in (log_probs - silent, moved - silent))
    if (apart := difference(after, before[:, order])) > TOLERANCE:
        raise BrokenClauseError(
            f"permuting the rows of {path} does not permute the logits: they differ by {apart:.1e}"
        )


def _row_of_each_logit(bench: Bench, policy: nn.Module, observed: Tensor, path: str, table: Tensor) -> Tensor:
    """int64 [A]: the table row behind each logit; raises where a row moves several, or a logit has none."""
    log_probs, _ = first_step(bench, policy, observed)
    found: dict[int, int] = {}
    for row in range(len(table)):
        changed = table.detach().clone()
        changed[row] += LOUD * torch.randn(changed[row].shape, generator=bench.rng)
        moved, _ = with_table(bench, policy, observed, table, changed)
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
