"""The contract between a policy and its trainer, as the probes read it: names, never literals.

Read from a YAML file of the shape of `policyfix/contracts/metta.yaml`. Lists of names are read by position:
`outputs.rollout` names the actions, their log-prob, the value and all log-probs; `outputs.training` names the
log-prob, the entropy, the value and all log-probs; `memory.methods` are has, get, set, reset.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class ContractError(Exception):
    """A contract file that cannot be read; the message names the file and the key."""


@dataclass(frozen=True, slots=True)
class RolloutKeys:
    """Keys written when no action is given, for B rows and A joint actions."""

    actions: str  # int32 [B, 2]
    act_log_prob: str  # float [B]
    value: str  # float [B]
    full_log_probs: str  # float [B, A]


@dataclass(frozen=True, slots=True)
class TrainingKeys:
    """Keys written when actions are given, for B rows of T steps and A joint actions."""

    act_log_prob: str  # float [B, T]
    entropy: str  # float [B, T]
    value: str  # float [B, T, 1]
    full_log_probs: str  # float [B, T, A]


@dataclass(frozen=True, slots=True)
class MemoryMethods:
    has: str
    get: str
    set: str
    reset: str


@dataclass(frozen=True, slots=True)
class Contract:
    """Names of everything that the trainer and the policy say to each other."""

    observation: str
    padding: int
    bptt: str
    batch: str
    rollout: RolloutKeys
    training: TrainingKeys
    memory: MemoryMethods
    environment: str
    boundaries: tuple[str, str]  # (done, truncated)
    core_gain: float | None  # of a new core's orthogonal weights
    core_bias: float | None  # of a new core's biases
    clip_method: str
    clip_range: str
    parameters: Mapping[str, Any]
    to_index: str
    from_index: str
    activate: str
    tables: Mapping[str, str]
    embedding_largest: float | None  # magnitude among a new action table's entries


def read_contract(path: Path) -> Contract:
    """The contract in the YAML file at `path`. Raises ContractError where it is unreadable or lacks a key."""
    import yaml

    try:
        return contract_of(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ContractError(f"cannot read the contract {path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise ContractError(f"the contract {path} is not valid YAML: {error}") from None
    except KeyError as error:
        raise ContractError(f"the contract {path} lacks the key {error}") from None
    except (TypeError, ValueError) as error:
        raise ContractError(f"the contract {path} has an entry of the wrong shape: {error}") from None


def contract_of(entries: Mapping[str, Any]) -> Contract:
    """The contract in a plain mapping. Raises KeyError, TypeError or ValueError for a wrong one."""
    bptt, batch = entries["stamps"]
    done, truncated = entries["memory"]["boundary_keys"]
    actions, core = entries["actions"], entries.get("core", {})
    return Contract(
        observation=entries["observation"]["key"],
        padding=int(entries["observation"]["padding"]),
        bptt=bptt,
        batch=batch,
        rollout=RolloutKeys(*entries["outputs"]["rollout"]),
        training=TrainingKeys(*entries["outputs"]["training"]),
        memory=MemoryMethods(*entries["memory"]["methods"]),
        environment=entries["memory"]["environment_key"],
        boundaries=(done, truncated),
        core_gain=core.get("orthogonal_gain"),
        core_bias=core.get("bias"),
        clip_method=entries["weights"]["clip_method"],
        clip_range=entries["weights"]["clip_range"],
        parameters=dict(entries["constructor"]["parameters"]),
        to_index=actions["to_index"],
        from_index=actions["from_index"],
        activate=actions["activate"],
        tables=dict(actions["tables"]),
        embedding_largest=actions.get("embedding_largest"),
    )
