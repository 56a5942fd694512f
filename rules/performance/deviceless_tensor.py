from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule, Severity
from policyfix.subjects import PolicyClass
from policyfix.subjects.tensors import calls, created_without_device, is_moved


class DevicelessTensor(Rule[PolicyClass]):
    """A forward creates a tensor without saying on which device.

    ## What it does
    Reports `torch.zeros(...)` and its kin without `device=` in a contract policy's forward, its helpers and
    nets, where nothing moves the result afterwards; in every step, in the first one, or in those where the
    contents of a tensor say so. Single numbers (`torch.tensor(0.0)`), which every device takes, code under
    `with torch.device(...)` or `with x.device` and projects that set a default device are left alone.

    ## Why it matters
    The tensor lies on the CPU. The first operation with a tensor of a policy on a GPU raises or, where it is
    an index, copies it over in every step. Tests on a CPU see neither.

    ## Example
    ```python
    hidden = torch.zeros(2, rows, 128)
    ```

    ## Use instead
    ```python
    hidden = torch.zeros(2, rows, 128, device=observations.device)
    ```

    ## Fix safety
    Safe: on the CPU nothing changes.

    ## Source
    PyTorch documentation, "CUDA semantics", device-agnostic code.
    """

    code = "PF702"
    name = "deviceless-tensor"
    severity = Severity.WARNING

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.is_contract:
            return
        made = [call for call in calls(policy, in_every_step=False) if created_without_device(call)]
        if not made or policy.module.project.texts.say(
            rb"set_default_(?:device|tensor_type)", b"set_default_"
        ):
            return
        for call in made:
            if not is_moved(call.result, policy.terms):
                yield self.finding(
                    call.place,
                    f"{call.name}(...) makes its tensor on the CPU, wherever the policy is",
                    policy,
                )
