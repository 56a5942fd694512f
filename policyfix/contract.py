"""The contract that a policy keeps with its trainer, as data. `contracts/metta.yaml` is the default."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from policyfix.late import late
from policyfix.record import record

if TYPE_CHECKING:
    import yaml
else:
    yaml = late("yaml")


def _loader(stream: str) -> Any:
    """The one in C is ten times as fast."""
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)(stream)


LOADER: Any = _loader  # to be given to `yaml.load` and `yaml.compose`


class ContractError(Exception):
    """A contract file that cannot be used; the message says what is wrong and where."""


@record()
class Contract:
    """Names and values of the contract; `contracts/metta.yaml` explains each."""

    name: str
    observation_key: str
    observation_dtype: str
    padding: int
    stamps: tuple[str, ...]
    rollout_outputs: tuple[str, ...]
    training_outputs: tuple[str, ...]
    spellings: tuple[tuple[str, str], ...]
    actions_key: str
    log_prob_key: str
    entropy_key: str
    log_probs_key: str
    memory_methods: tuple[str, ...]
    environment_key: str
    boundary_keys: tuple[str, ...]
    core_gain: float | None  # None: the contract does not ask for an initialisation
    core_bias: float | None
    reward_key: str
    value_key: str
    spec_method: str | None  # None: training gives forward all that was kept
    heads: tuple[str, ...]
    core_component: str | None
    depth: str | None
    clip_method: str
    clip_range: str
    l2_method: str
    parameters: tuple[tuple[str, float | int | str | bool | None], ...]
    environment: tuple[tuple[str, str], ...]  # empty: the environment says nothing
    encode: str
    decode: str
    to_index: str
    from_index: str
    activate: str
    tables: tuple[tuple[str, str], ...]
    base: str
    policies: tuple[str, ...] = ()  # classes under the contract by the settings: `agents.forager.Forager`

    @property
    def outputs(self) -> frozenset[str]:
        """Keys that only a policy writes, in either mode."""
        return frozenset(self.rollout_outputs + self.training_outputs)

    @property
    def advantage_keys(self) -> tuple[str, ...]:
        """The entries that an advantage is made of. Code that names all of them takes part in training, even
        where others step the optimizer: it computes a loss."""
        return self.reward_key, self.value_key, *self.boundary_keys[:1]

    @property
    def method_names(self) -> frozenset[str]:
        """Methods by which a trainer drives a policy."""
        return frozenset({self.clip_method, *self.memory_methods})

    @property
    def parameter_names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.parameters)


def default_path() -> Path:
    """Where the default contract lies."""
    return Path(__file__).with_name("contracts") / "metta.yaml"


@cache
def load(path: Path | None = None) -> Contract:
    """The contract in a YAML file, the default one without a path. Raises `ContractError`."""
    path = path or default_path()
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ContractError(f"{path}: the contract cannot be read: {error}") from error
    try:
        return _parse(data)
    except (KeyError, TypeError, AttributeError) as error:
        raise ContractError(f"{path}: not a contract: missing or wrong entry {error}") from error


def _parse(data: Mapping[str, Any]) -> Contract:
    return Contract(
        name=data["name"],
        observation_key=data["observation"]["key"],
        observation_dtype=data["observation"]["dtype"],
        padding=data["observation"]["padding"],
        stamps=tuple(data["stamps"]),
        rollout_outputs=tuple(data["outputs"]["rollout"]),
        training_outputs=tuple(data["outputs"]["training"]),
        spellings=tuple(data["outputs"]["spellings"].items()),
        actions_key=data["outputs"]["actions"],
        log_prob_key=data["outputs"]["log_prob"],
        entropy_key=data["outputs"]["entropy"],
        log_probs_key=data["outputs"]["log_probs"],
        memory_methods=tuple(data["memory"]["methods"]),
        environment_key=data["memory"]["environment_key"],
        boundary_keys=tuple(data["memory"]["boundary_keys"]),
        core_gain=data.get("core", {}).get("orthogonal_gain"),
        core_bias=data.get("core", {}).get("bias"),
        reward_key=data["experience"]["reward"],
        value_key=data["experience"]["value"],
        spec_method=data["experience"].get("spec"),
        heads=tuple(data["config"]["heads"]),
        core_component=data["config"].get("core"),
        depth=data["config"].get("depth"),
        clip_method=data["weights"]["clip_method"],
        clip_range=data["weights"]["clip_range"],
        l2_method=data["weights"]["l2_method"],
        parameters=tuple(data["constructor"]["parameters"].items()),
        environment=tuple(data.get("environment", {}).items()),
        encode=data["net"]["encode"],
        decode=data["net"]["decode"],
        to_index=data["actions"]["to_index"],
        from_index=data["actions"]["from_index"],
        activate=data["actions"]["activate"],
        tables=tuple(data["actions"]["tables"].items()),
        base=data["base"],
    )
