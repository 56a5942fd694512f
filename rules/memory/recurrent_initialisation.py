from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule, Severity
from policyfix.subjects import PolicyClass
from policyfix.subjects.candidates import draws
from policyfix.subjects.initialisation import Initialisation, initialisations, is_initialised_later
from policyfix.values import is_own_cell


class RecurrentInitialisation(Rule[PolicyClass]):
    """A recurrent core starts from other weights than the contract says.

    ## What it does
    Reports a contract policy whose core keeps the uniform initialisation that torch gives it, or whose
    constructor initialises it otherwise than the contract: orthogonal weights of gain 1, every bias 1. Silent
    where a gain is computed, where a module is handed to code that is not understood, and where a method that
    somebody may call later initialises weights.

    ## Why it matters
    With torch's default the forget gate starts half closed: what was seen ten steps ago has faded to a
    thousandth. The policy trains, and never learns to remember.

    ## Example
    ```python
    self.lstm = nn.LSTM(input_size, hidden_size, num_layers=2)
    ```

    ## Use instead
    ```python
    self.lstm = nn.LSTM(input_size, hidden_size, num_layers=2)
    for name, parameter in self.lstm.named_parameters():
        if "bias" in name:
            nn.init.constant_(parameter, 1.0)
        else:
            nn.init.orthogonal_(parameter, 1.0)
    ```

    ## Fix safety
    Unsafe: another run starts from other weights. Checkpoints load as before.

    ## Source
    Metta-AI/metta: its component policy against the PyTorch agents at cef2d0434a. Forget-gate biases: Gers,
    Schmidhuber, Cummins, "Learning to Forget" (2000).
    """

    code = "PF206"
    name = "recurrent-initialisation"
    severity = Severity.WARNING

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        gain, bias = policy.contract.core_gain, policy.contract.core_bias
        if not policy.is_contract or policy.keeps_contract or gain is None or bias is None:
            return
        for core in dict.fromkeys(call.core for call in policy.cores):
            done = initialisations(policy, core)
            if done is None or is_own_cell(core):
                continue
            fault = _fault(done, gain, bias)
            if fault is None or is_initialised_later(policy):
                continue
            kind = core.op.rpartition(".")[2]
            yield self.finding(
                policy.header,
                f"{fault} of the {kind}: the contract asks for orthogonal weights of gain {gain:g} "
                f"and biases {bias:g}",
                policy,
            )
            return


def _fault(done: list[Initialisation], gain: float, bias: float) -> str | None:
    """What is wrong with the initialisation of a core; None where nothing certainly is."""
    if not done:
        return "nothing replaces torch's default initialisation"
    drawn = _left([one for one in done if draws(one.function)])
    weights = [one.number for one in drawn if one.function == "orthogonal_"]
    biases = [one.number for one in _left([one for one in done if one.function in _CONSTANT])]
    if None in weights or None in biases:
        return None
    if gain not in weights:
        return "something else initialises the weights" if drawn else "nothing makes the weights orthogonal"
    if bias not in biases:
        return "something else initialises the biases" if biases else "nothing sets the biases"
    return None


_CONSTANT = frozenset({"constant_", "ones_", "zeros_"})


def _left(done: list[Initialisation]) -> list[Initialisation]:
    """What may be left in the end: what a loop over all of them overwrites is gone."""
    start = max((i for i, one in enumerate(done) if one.reaches_all), default=0)
    return done[start:]
