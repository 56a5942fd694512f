from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule, Severity
from policyfix.subjects import PolicyClass
from policyfix.trace import Escape, InPlace, Rebound
from policyfix.values import Const, Term, argument, walk


class RandomPaddingRow(Rule[PolicyClass]):
    """An embedding's padding row is initialised with the others, and never trained.

    ## What it does
    Reports an embedding with `padding_idx` whose whole weight the constructor draws anew, with no write to it
    afterwards.

    ## Why it matters
    torch sets the padding row to zero once, when the module is made, and gives it no gradient. Drawn anew it
    is a random vector for good: padding, and whatever else maps to that row, puts noise into every sum.

    ## Example
    ```python
    self.embed = nn.Embedding(256, 8, padding_idx=255)
    nn.init.trunc_normal_(self.embed.weight, std=0.02)
    ```

    ## Use instead
    ```python
    self.embed = nn.Embedding(256, 8, padding_idx=255)
    nn.init.trunc_normal_(self.embed.weight, std=0.02)
    with torch.no_grad():
        self.embed.weight[255].zero_()
    ```

    ## Fix safety
    Unsafe: the net sees another vector for padding than the one that it was trained on.

    ## Source
    Metta-AI/metta, `ObsAttrEmbedFourier`; torch's documentation of `nn.Embedding`.
    """

    code = "PF513"
    name = "random-padding-row"
    severity = Severity.WARNING

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        for write in policy.building.of(InPlace):
            table = _table(write)
            if table is not None and not _touched_later(policy, table, write.order):
                yield self.finding(
                    write.place,
                    "draws the padding row too, which was zero and is never trained",
                    policy,
                )


_DRAWING = frozenset(
    "normal_ uniform_ trunc_normal_ xavier_uniform_ xavier_normal_ kaiming_uniform_ kaiming_normal_ "
    "orthogonal_".split()
)


_RESETTING = frozenset({"reset_parameters", "_fill_padding_idx_with_zero"})


def _table(write: InPlace) -> Term | None:
    """The embedding with a padding row whose whole weight a write draws anew."""
    match write.target:
        case Term(op=".weight" | "detach", args=(Term() as owner, *_)) if write.operation in _DRAWING:
            table = owner.args[0] if owner.op == ".weight" else owner
            if isinstance(table, Term) and table.op == "new:torch.nn.Embedding" and _pads(table):
                return table
    return None


def _pads(table: Term) -> bool:
    padding = argument(table, 2, "padding_idx")
    return isinstance(padding, Const) and isinstance(padding.value, int)


def _touched_later(policy: PolicyClass, table: Term, order: int) -> bool:
    """Whether something else may happen to a table after that, or to all weights."""
    for event in policy.building.events:
        match event:
            case InPlace(target=target) if event.order > order:
                if any(part is table for part in walk(target)):
                    return True
            case Rebound(module=module) if module is table and event.order > order:
                return True
            case Escape(value=value) if event.order > order and any(part is table for part in walk(value)):
                return True
            case _:
                pass
    return any(t.op in _RESETTING and t.args[0] is table and t.order > order for t in policy.terms)
