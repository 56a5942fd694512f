from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import Factory


class FactoryDropsConfig(Rule[Factory]):
    """A factory goes by the config when it builds a policy, and keeps the contract's parameters from it.

    ## What it does
    Reports a call that builds a contract policy where a config in scope chooses the class or gives other
    arguments, but `clip_range` and `analyze_weights_interval` are not among them. It is silent where the
    config itself is handed over, where keywords are made from its entries, and in the fallback of a call
    that passes them.

    ## Why it matters
    The policy is built with its own defaults: what the config says is lost without a word, for every policy
    that the factory makes.

    ## Example
    ```python
    from agents import agent_classes


    def make_policy(env, cfg):
        cls = agent_classes[cfg.agent_type]
        return cls(env=env)
    ```

    ## Use instead
    ```python
    from agents import agent_classes


    def make_policy(env, cfg):
        cls = agent_classes[cfg.agent_type]
        return cls(env=env, **{key: value for key, value in cfg.items() if key != "agent_type"})
    ```

    ## Fix safety
    Safe: the parameters are passed with the contract's defaults where the config lacks them; offered where
    every class takes them.

    ## Source
    Metta-AI/metta at cef2d0434a, `MettaAgent._create_policy`: `AgentClass(env=env)` (divergence B09).
    """

    code = "PF403"
    name = "factory-drops-config"

    def check(self, factory: Factory) -> Iterator[Finding]:
        for build in factory.builds:
            missing = factory.drops(build)
            if missing and factory.builds_policies(build):
                yield self.finding(
                    factory.place(build),
                    f"the policy is built without {', '.join(missing)}: what the config says of it is lost",
                    factory,
                )
