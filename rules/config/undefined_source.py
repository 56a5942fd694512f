from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import AgentConfig


class UndefinedSource(Rule[AgentConfig]):
    """A component reads from a source that the config does not define, or nothing reads from a component.

    ## What it does
    Reports a name under `sources` that none of the config's components has, and a component that neither
    `_value_` nor `_action_` reads, directly or through others. It is silent where `defaults` bring other
    files in, and says nothing of unread components where a source is missing: those are what it was meant
    to read.

    ## Why it matters
    The policy cannot be built: construction raises a KeyError, or complains of a component that was never
    set up. Nobody notices until somebody trains with that config.

    ## Example
    ```python
    config = '''
    components:
      encoder: {_target_: agent.lib.Encoder, sources: null}
      _core_: {_target_: agent.lib.LSTM, sources: [{name: encoded_obs}]}
      _value_: {_target_: agent.lib.Linear, sources: [{name: _core_}]}
    '''
    ```

    ## Use instead
    ```python
    config = '''
    components:
      encoder: {_target_: agent.lib.Encoder, sources: null}
      _core_: {_target_: agent.lib.LSTM, sources: [{name: encoder}]}
      _value_: {_target_: agent.lib.Linear, sources: [{name: _core_}]}
    '''
    ```

    ## Fix safety
    None is offered: which component was meant is not known.

    ## Source
    Metta-AI/metta at 04185f82e9, `configs/agent/latent_attn_*.yaml`: `_core_` reads `encoded_obs`
    (divergence A35).
    """

    code = "PF407"
    name = "undefined-source"

    def check(self, config: AgentConfig) -> Iterator[Finding]:
        if config.is_composed:
            return
        for component, source in config.undefined_sources:
            yield self.finding(
                source.place,
                f"{component.name} reads {source.name}, which the config does not define",
                config,
            )
        if not config.undefined_sources and all(head in config.components for head in config.contract.heads):
            for component in config.unreached:
                heads = " nor ".join(config.contract.heads)
                yield self.finding(component.place, f"neither {heads} reads {component.name}", config)
