from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule, Severity
from policyfix.subjects import PolicyClass
from policyfix.subjects.tensors import calls, is_tensor
from policyfix.trace import Called
from policyfix.values import Const, Term


class HostSyncInForward(Rule[PolicyClass]):
    """A forward waits for the device to hand a tensor's values to the host.

    ## What it does
    Reports `.item()`, `.tolist()`, `.numpy()`, `.cpu()`, `.to("cpu")`, `bool(x)`, `int(x)` and `float(x)` of
    a tensor in a contract policy's forward, in its helpers and its nets, where every step of a rollout or of
    training comes through. What hangs on a setting, on a log level or on the contents of a tensor is left
    alone.

    ## Why it matters
    The host stops until the device has done all that was queued, at every step: the launches that should run
    ahead do not, and `torch.compile` breaks its graph there.

    ## Example
    ```python
    steps = td["bptt"][0].item()
    ```

    ## Use instead
    ```python
    steps = td.batch_size[1]
    ```

    ## Fix safety
    Safe where the number is what forward itself filled a stamp with, and the function has a name for it: the
    name takes its place. None elsewhere: the number comes from the trainer, or is computed on the device.

    ## Source
    PyTorch documentation, "CUDA semantics", asynchronous execution; Metta-AI/metta at 04185f82e9 waits three
    times in each forward.
    """

    code = "PF701"
    name = "host-sync-in-forward"
    severity = Severity.WARNING

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.is_contract:
            return
        for call in calls(policy):
            how = _waits(call)
            if how is not None and is_tensor(call.arguments[0]):
                yield self.finding(
                    call.place, f"{how} makes the host wait for the device in every step", policy
                )


_METHODS = frozenset({".item", ".tolist", ".numpy", ".cpu"})
_BUILTINS = frozenset({"bool", "int", "float"})


def _waits(call: Called) -> str | None:
    """How a call fetches values from the device."""
    if not call.arguments:
        return None
    if call.name in _METHODS:
        return f"{call.name}()"
    if call.name in _BUILTINS:
        return f"{call.name}(tensor)"
    target = [a.args[0] if isinstance(a, Term) and a.op == "=device" else a for a in call.arguments[1:]]
    return '.to("cpu")' if call.name == ".to" and Const("cpu") in target else None
