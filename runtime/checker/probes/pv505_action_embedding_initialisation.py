"""The embeddings of actions start small: no entry is larger than the contract says, so no score is loud."""

from ..action_tables import action_tables
from ..harness import Bench, BrokenClauseError, NotApplicableError

HINT = "orthogonal rows, scaled: `weight.mul_(0.1 / weight.abs().max())` under torch.no_grad()"
ROUNDING = 1e-5


def probe(bench: Bench) -> str:
    largest = bench.contract.embedding_largest
    if largest is None:
        raise NotApplicableError("the contract does not say how embeddings of actions start")
    policy, observed = bench.policy(), bench.observations(2)
    tables = action_tables(bench, policy, observed)
    found = {path: float(table.detach().abs().max()) for path, table in tables.items()}
    if loud := {path: entry for path, entry in found.items() if entry > largest + ROUNDING}:
        spread = bench.stepped(policy, observed).full_log_probs
        apart = float((spread.amax(-1) - spread.amin(-1)).max())
        raise BrokenClauseError(
            ", ".join(f"{path} starts with entries up to {entry:.3g}" for path, entry in loud.items())
            + f", not {largest:g}: the logits of a new policy are up to {apart:.2g} apart"
        )
    return ", ".join(f"{path} starts with entries up to {entry:.3g}" for path, entry in found.items())
