from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from policyfix.rule import Finding, Rule
from policyfix.subjects import AgentConfig
from policyfix.subjects.agent_config import STRUCTURE
from policyfix.subjects.constructors import keys_of, takes


class UnknownConfigKey(Rule[AgentConfig]):
    """An option of a component in an agent config is one that no constructor of its class names.

    ## What it does
    Reports a key of a component that neither the constructor of its `_target_` nor any that its `**kwargs`
    are handed on to takes, and names the one that comes closest. It is silent where the class, or one of
    its bases, is not found, where the keywords go anywhere else, and where some file reads the key from the
    config itself, as one may that builds components by their `_target_`.

    ## Why it matters
    The keywords end in a base that ignores them: a typo, or an option of an older version, describes
    another network than the one that is built.

    ## Example
    ```python
    config = '''
    components:
      critic: {_target_: agent.lib.Linear, sources: [{name: _core_}], nonlinearty: nn.Tanh}
    '''
    ```

    ## Use instead
    ```python
    config = '''
    components:
      critic: {_target_: agent.lib.Linear, sources: [{name: _core_}], nonlinearity: nn.Tanh}
    '''
    ```

    ## Fix safety
    None is offered: removing an option and correcting it are both possible.

    ## Source
    Metta-AI/metta at 04185f82e9: `effective_rank`, `mlp_out_hidden_dim`, `qk_dim` (divergences A25, A36).
    """

    code = "PF404"
    name = "unknown-config-key"

    def check(self, config: AgentConfig) -> Iterator[Finding]:
        for component in config.components.values():
            if component.target is None:
                continue
            for option in component.options:
                if option.name in STRUCTURE or takes(component.target, option.name) is not False:
                    continue
                if config.is_asked_for(component, option):
                    continue
                close = get_close_matches(option.name, keys_of(component.target), 1)
                hint = f": did you mean {close[0]}?" if close else ""
                yield self.finding(
                    option.place, f"{component.target.name} does not know {option.name}{hint}", config
                )
