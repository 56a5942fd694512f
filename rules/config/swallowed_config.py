from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.subjects.options import GIVEN

OPTION = "__unheard_of"  # a name that no constructor knows


class SwallowedConfig(Rule[PolicyClass]):
    """Keyword arguments that a constructor does not know vanish without a word.

    ## What it does
    Reports a contract policy whose constructor takes `**kwargs` and whose chain of constructors never looks
    at what is left in it: it is neither stored, forwarded to somebody who does, counted, nor iterated over.
    Asking it for single known names is not looking.

    ## Why it matters
    The factory hands the whole config to the constructor. A misspelt or outdated option is then accepted, and
    the run trains with the default while its config, and everybody who reads it, says otherwise.

    ## Example
    ```python
    def __init__(self, env, hidden_size=128, **kwargs):
        super().__init__()
        self.clip_range = kwargs.pop("clip_range", 0.0)
    ```

    ## Use instead
    ```python
    from policyfix.runtime import warn_unknown_config


    def __init__(self, env, hidden_size=128, **kwargs):
        super().__init__()
        self.clip_range = kwargs.pop("clip_range", 0.0)
        warn_unknown_config(self, kwargs)
    ```

    ## Fix safety
    None: whether an unknown option is an error or may be passed on, the source does not say.

    ## Source
    Metta-AI/metta at 04185f82e9: measured, all five PyTorch agents take any keyword.
    """

    code = "PF406"
    name = "swallowed-config"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.is_contract or policy.constructor is None or policy.is_open:
            return
        function, owner = policy.constructor
        if function.decorators or function.parameter("**") is None or owner.module.name is not None:
            return
        built = policy.configured({OPTION: GIVEN})
        if built is not None and not built.notices(GIVEN):
            yield self.finding(
                policy.place(function, owner) if owner is policy.cls else policy.header,
                f"unknown options of the config vanish in the **{self._spread(policy)} of {policy.cls.name}: "
                "a misspelt one goes unnoticed",
                policy,
            )

    @staticmethod
    def _spread(policy: PolicyClass) -> str:
        assert policy.constructor is not None
        parameter = policy.constructor[0].parameter("**")
        assert parameter is not None
        return parameter.name
