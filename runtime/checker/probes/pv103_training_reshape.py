"""A training forward returns batch size [B, T], its rows in the order of the input."""

from ..harness import TOLERANCE, Bench, BrokenClauseError, gap, rows

HINT = "flatten [B, T] to B*T rows before the net (row = b*T + t), reshape the output to [B, T] after it"


def probe(bench: Bench) -> str:
    batch, steps = 3, 5
    policy = bench.policy()
    observations, actions = bench.observations(batch, steps), bench.actions(batch, steps)
    td = bench.train(bench.twin(policy), observations, actions)
    if tuple(td.batch_size) != (batch, steps):
        raise BrokenClauseError(f"the returned batch size is {list(td.batch_size)}, not [{batch}, {steps}]")
    together = bench.training_outputs(td, batch, steps)
    for row in range(batch):
        one = slice(row, row + 1)
        alone = bench.train(bench.twin(policy), observations[one].clone(), actions[one])
        apart = gap(bench.training_outputs(alone, 1, steps), rows(together, one))
        if apart > TOLERANCE:
            raise BrokenClauseError(
                f"row {row} differs by {apart:.1e} from the same row evaluated alone: rows are mixed"
            )
    return f"batch size [{batch}, {steps}]; every row equals the same row evaluated alone"
