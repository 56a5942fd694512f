from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule, Severity
from policyfix.subjects import PolicyClass
from policyfix.subjects.tensors import contents, depends_on_values, filled, is_hot, is_tensor, truths
from policyfix.trace import Branch, InPlace
from policyfix.values import Value, options


class DataDependentBranch(Rule[PolicyClass]):
    """A forward branches on the contents of a tensor.

    ## What it does
    Reports an `if`, a `while` or a conditional expression in a contract policy's forward, its helpers and
    nets whose test needs the values of a tensor of this step (`if mask.any():`, `while not done.all():`).
    Tests of shapes, of keys, of the mode and of how much a list holds are no such tests, and what only a
    setting switches on is left alone. Whether a fetched number is among keys (`slot not in states`) is told
    where it is fetched (PF701).

    ## Why it matters
    The host waits for the device to know which way to go, in every step, and `torch.compile` and CUDA graphs
    end their graph there.

    ## Example
    ```python
    if invalid.any():
        values[invalid] = 0.0
    ```

    ## Use instead
    ```python
    values = torch.where(invalid, 0.0, values)
    ```

    ## Fix safety
    None: which operation stands for the branch depends on what it does.

    ## Source
    PyTorch documentation, "torch.compile troubleshooting", graph breaks on data-dependent control flow.
    """

    code = "PF703"
    name = "data-dependent-branch"
    severity = Severity.WARNING

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.is_contract:
            return
        for trace in policy.traces:
            written = list(filled(trace.of(InPlace)))
            for branch in trace.of(Branch):
                if _waits(branch, frozenset(root for root, when in written if when < branch.order)):
                    yield self.finding(
                        branch.place,
                        "branches on the contents of a tensor: the host waits for the device, and a compiled "
                        "graph ends here",
                        policy,
                    )


def _waits(branch: Branch, written: frozenset[Value]) -> bool:
    """Whether the contents are asked for in every step: of `a and b`, no part must switch the other off, but
    for a tensor, which is asked for its contents itself."""

    def asks(test: Value) -> bool:
        return any(depends_on_values(v) or not written.isdisjoint(contents(v)) for v in truths(test))

    others = [option for option in options(branch.test) if not (asks(option) or is_tensor(option))]
    return asks(branch.test) and is_hot((*branch.guards, *others))
