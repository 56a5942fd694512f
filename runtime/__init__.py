"""The library that migrated agents inherit from: recurrent policies that keep the trainer's contract.

The names below load torch when they are first used, so that `policyfix.runtime.checker` can be imported
where torch is not installed.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .agent import PolicyAgent
    from .components import ComponentPolicy
    from .distributed import DistributedPolicyAgent
    from .memory import StateStore
    from .modes import Mode
    from .names import warn_unknown_config
    from .nets.gru import MaskedGRU
    from .nets.lstm import MaskedLSTM, masked_lstm
    from .policies import Example, Fast, LatentAttnMed, LatentAttnSmall, LatentAttnTiny
    from .policy import RecurrentPolicy, write_stamps
    from .weights import clip_weights

__all__ = [
    "ComponentPolicy",
    "DistributedPolicyAgent",
    "Example",
    "Fast",
    "LatentAttnMed",
    "LatentAttnSmall",
    "LatentAttnTiny",
    "MaskedGRU",
    "MaskedLSTM",
    "Mode",
    "PolicyAgent",
    "RecurrentPolicy",
    "StateStore",
    "clip_weights",
    "masked_lstm",
    "warn_unknown_config",
    "write_stamps",
]

_HOME = {
    "ComponentPolicy": "components",
    "DistributedPolicyAgent": "distributed",
    "Example": "policies",
    "Fast": "policies",
    "LatentAttnMed": "policies",
    "LatentAttnSmall": "policies",
    "LatentAttnTiny": "policies",
    "MaskedGRU": "nets.gru",
    "MaskedLSTM": "nets.lstm",
    "Mode": "modes",
    "PolicyAgent": "agent",
    "RecurrentPolicy": "policy",
    "StateStore": "memory",
    "clip_weights": "weights",
    "masked_lstm": "nets.lstm",
    "warn_unknown_config": "names",
    "write_stamps": "policy",
}


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562).

    Raises ImportError when torch or tensordict is missing, with the command that installs them.
    """
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        home = import_module(f".{_HOME[name]}", __name__)
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in ("torch", "tensordict"):
            raise
        raise ImportError(
            "policyfix.runtime needs torch and tensordict: pip install 'policyfix[runtime]'"
        ) from None
    return getattr(home, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
