from __future__ import annotations

from policyfix.codemod import Codemod, Plan, stands_at
from policyfix.edits import Refusal, SourceTree
from policyfix.facts import ir
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass
from policyfix.trace import Called, Place


class CreateOnDevice(Codemod[PolicyClass]):
    """Creates a tensor where the policy is: `device=` of a tensor of the TensorDict, else of a parameter."""

    answers = ("PF702",)

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        call = tree.call_at(finding.line, finding.column, finding.end_line, finding.end_column)
        place = _place(finding, policy)
        if call is None or place is None or place.function is None:
            return Refusal("the call is not found in the file")
        device = _device(place.function, finding.line, policy)
        if device is None:
            return Refusal("nothing in its function tells the device: give it by hand")
        return self.fix(f"create it with device={device}", tree.add_arguments(call, [f"device={device}"]))


def _place(finding: Finding, policy: PolicyClass) -> Place | None:
    """Where the call stands, with the function around it."""
    for trace in policy.traces:
        for call in trace.of(Called):
            if stands_at(call.place, finding):
                return call.place
    return None


def _device(function: ir.FunctionFacts, line: int, policy: PolicyClass) -> str | None:
    """`observations.device`, for a name that the function takes from the TensorDict before the line and gives
    no other value; in a method of a module the device of its first parameter."""
    assigned = [
        (target.id, node)
        for node in function.nodes
        if isinstance(node, (ir.Assign, ir.AugAssign))
        for target in (node.targets if isinstance(node, ir.Assign) else (node.target,))
        if isinstance(target, ir.Name)
    ]
    for statement in function.body:
        match statement:
            case ir.Assign(targets=(ir.Name(id=name),), value=ir.Subscript(items=(ir.Literal(value=str()),))):
                alone = sum(other == name for other, _ in assigned) == 1
                if statement.span.line < line and alone and _is_tensordict(statement.value, function, policy):
                    return f"{name}.device"
    owner = next((cls for cls in policy.cls.linked if function in cls.facts.functions), None)
    if owner is None or not owner.is_module or function.decorators or not function.parameters:
        return None
    return f"next({function.parameters[0].name}.parameters()).device"


def _is_tensordict(read: ir.Expr, function: ir.FunctionFacts, policy: PolicyClass) -> bool:
    """Whether `td["key"]` reads from what forward was given."""
    is_forward = policy.forward is not None and function is policy.forward[0]
    return (
        is_forward and isinstance(read, ir.Subscript) and read.value == ir.Name(function.parameters[1].name)
    )
