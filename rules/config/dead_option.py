from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule, Severity
from policyfix.subjects import AgentConfig
from policyfix.subjects.agent_config import STRUCTURE
from policyfix.subjects.constructors import is_dead


class DeadOption(Rule[AgentConfig]):
    """An option of a component in an agent config is taken by its class, which never reads it.

    ## What it does
    Reports a key that the constructor of the component's class names and then leaves alone, or keeps under
    a private name that neither the class nor its bases ask for.

    ## Why it matters
    The config seems to choose something that nobody looks at: experiments that vary it compare equal
    policies.

    ## Example
    ```python
    class Actor(Layer):
        def __init__(self, hidden_dim=512, **cfg):  # `hidden_dim: 256` in the config changes nothing
            super().__init__(**cfg)
            self.net = nn.Linear(512, 1)
    ```

    ## Use instead
    ```python
    class Actor(Layer):
        def __init__(self, hidden_dim=512, **cfg):
            super().__init__(**cfg)
            self.net = nn.Linear(hidden_dim, 1)
    ```

    ## Fix safety
    None is offered: the option can be honoured or dropped.

    ## Source
    Metta-AI/metta at 04185f82e9: options that describe another network than the one built (divergence A36).
    """

    code = "PF408"
    name = "dead-option"
    severity = Severity.WARNING

    def check(self, config: AgentConfig) -> Iterator[Finding]:
        for component in config.components.values():
            target = component.target
            for option in component.options:
                if option.name in STRUCTURE or target is None or not is_dead(target, option.name):
                    continue
                if not config.is_asked_for(component, option):
                    yield self.finding(option.place, f"{target.name} never reads {option.name}", config)
