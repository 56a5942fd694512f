from __future__ import annotations

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Refusal, SourceTree
from policyfix.rule import Finding
from policyfix.subjects import Factory


class PassConfig(Codemod[Factory]):
    """Passes the contract's parameters from the config to the policy that is built."""

    answers = ("PF403",)

    def plan(self, finding: Finding, factory: Factory, tree: SourceTree) -> Plan | Refusal:
        build = factory.build_at(finding.line, finding.column)
        call = tree.call_at(finding.line, finding.column, finding.end_line, finding.end_column)
        if build is None or call is None:
            return Refusal("the call is not found in the source")
        missing = factory.drops(build)
        if not factory.takes_all(build, missing):
            return Refusal(f"not every class that is built takes {', '.join(missing)}: that is PF401")
        config = factory.spelling(build)
        if build.config not in factory.reads_by_get:
            return Refusal(f"whether {config} has a value for all of them is not known: pass them by hand")
        defaults = dict(factory.contract.parameters)
        new = [f'{name}={config}.get("{name}", {defaults[name]!r})' for name in missing]
        return self.fix(f"pass {', '.join(missing)} from {config}", tree.add_arguments(call, new))
