from __future__ import annotations

import libcst as cst

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Refusal, SourceTree
from policyfix.liveness import mentions
from policyfix.project import External
from policyfix.rule import Finding, Tier
from policyfix.subjects import PolicyClass
from policyfix.subjects.initialisation import Initialisation, initialisations

_WEIGHTS, _BIASES = frozenset({"orthogonal_"}), frozenset({"constant_", "ones_", "zeros_"})


class InitialiseCore(Codemod[PolicyClass]):
    """Initialises a recurrent core as the contract says, once the constructor has built it."""

    answers = ("PF206",)
    tier = Tier.UNSAFE

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        cls = tree.find_class(policy.name)
        constructor = None if cls is None else tree.find_method(cls, "__init__")
        if cls is None or constructor is None or not isinstance(constructor.body, cst.IndentedBlock):
            return Refusal("it has no constructor of its own that could initialise the core")
        found = _core(policy)
        if found is None:
            return Refusal("its core is initialised otherwise, or held by another module: mend it there")
        attribute, lines = found
        init = _functions(policy)
        if init is None:
            return Refusal("the file does not import torch or torch.nn by name")
        if lines:
            last: cst.CSTNode = [node for node in constructor.body.body if tree.line(node) <= max(lines)][-1]
        else:
            base = tree.base_call(cls)
            if isinstance(base, Refusal):
                return Refusal(f"where its core is built is not certain: {base.reason}")
            last = base[0]
        name, parameter = "name", "parameter"
        if mentions(constructor) & {name, parameter}:
            name, parameter = "core_name", "core_parameter"
        gain, bias = policy.contract.core_gain, policy.contract.core_bias
        loop = [
            f"for {name}, {parameter} in self.{attribute}.named_parameters():",
            f'{tree.indent}if "bias" in {name}:',
            f"{tree.indent * 2}{init}.constant_({parameter}, {bias})",
            f"{tree.indent}else:",
            f"{tree.indent * 2}{init}.orthogonal_({parameter}, {gain})",
        ]
        return self.fix(f"initialise self.{attribute} of {policy.name}", [tree.insert_after(last, loop)])


def _core(policy: PolicyClass) -> tuple[str, list[int]] | None:
    """The attribute of the core that the finding is about, and the lines of the policy's own constructor
    after which it is there as it will be; None where somebody else initialises it otherwise."""
    for core in dict.fromkeys(call.core for call in policy.cores):
        done = initialisations(policy, core)
        stores = [s for s in policy.construction if s.value == core]
        if done is None or _is_done(done, policy):
            continue
        if any(not _is_wanted(one, policy) for one in done):
            return None
        if len(stores) != 1 or stores[0].thing is not policy.instance:
            return None
        own = f"{policy.name}.__init__"
        places = [place for place in (stores[0].place, *(one.place for one in done)) if place.symbol == own]
        return stores[0].attribute, [place.span.line for place in places if place.path == policy.path]
    return None


def _is_wanted(one: Initialisation, policy: PolicyClass) -> bool:
    gain, bias = policy.contract.core_gain, policy.contract.core_bias
    return (one.function in _WEIGHTS and one.number == gain) or (
        one.function in _BIASES and one.number == bias
    )


def _is_done(done: list[Initialisation], policy: PolicyClass) -> bool:
    wanted = [one.function for one in done if _is_wanted(one, policy)]
    return any(f in _WEIGHTS for f in wanted) and any(f in _BIASES for f in wanted)


def _functions(policy: PolicyClass) -> str | None:
    """How the file spells `torch.nn.init`."""
    spellings = {"nn": "torch.nn", "torch": "torch"}
    known = [name for name, module in spellings.items() if policy.module.member(name) == External(module)]
    return {"nn": "nn.init", "torch": "torch.nn.init"}[known[0]] if known else None
