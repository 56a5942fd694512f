"""What every probe works with: fresh policies, valid observations, the trainer's two calls.

Letters in shapes: B rows, T steps of a training row, M tokens of an observation, A logits.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor, nn

from . import construction
from .contract import Contract
from .environment import Environment

# Rollout and training sum in another order. Relative to the largest magnitude, at least 1.
TOLERANCE = 1e-5
RECURRENT = (nn.RNNBase, nn.RNNCellBase)
CLIPPED = (nn.Linear, nn.Conv1d, nn.Conv2d)


class BrokenClauseError(Exception):
    """The policy breaks the clause; the message is the evidence."""


class NotApplicableError(Exception):
    """The clause does not apply; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """What one call wrote: a rollout step over B rows, or a training forward over B rows of T steps."""

    act_log_prob: Tensor  # [B] or [B, T]
    value: Tensor  # [B] or [B, T]
    full_log_probs: Tensor  # [B, A] or [B, T, A]


@dataclass(frozen=True, slots=True)
class Bench:
    """One probe's bench: the class under test, its contract and environment, and the probe's own RNG."""

    policy_class: type[nn.Module]
    contract: Contract
    environment: Environment
    keywords: construction.Keywords
    seed: int
    rng: torch.Generator

    # Policies

    def policy(self, **config: Any) -> Any:
        """A policy that has run no forward; `config` overrides or adds constructor keywords."""
        keywords = {**self.keywords.accepted, **config}
        return construction.build(self.policy_class, self.environment, self.contract, keywords, self.seed)

    def policy_with_clip_range(self, clip_range: float) -> Any:
        """A policy whose clip range is set: by the constructor where it takes it, and as the attribute."""
        name = self.contract.clip_range
        policy = self.policy(**({name: clip_range} if name in self.keywords.accepted else {}))
        setattr(policy, name, clip_range)
        return policy

    def twin(self, policy: Any) -> Any:
        """Another policy with the same weights and no memory."""
        twin = self.policy()
        weights = dict(policy.named_parameters())
        with torch.no_grad():
            for path, weight in twin.named_parameters():
                weight.copy_(weights[path])
        return twin

    def copy(self, policy: Any) -> Any:
        """A copy of a policy that has run no forward: cheaper than a twin, which draws weights of its own."""
        try:
            return copy.deepcopy(policy)
        except Exception:  # what it holds cannot be copied
            return self.twin(policy)

    def carries_state(self) -> bool:
        """Whether a second identical observation gives another output than the first."""
        policy, observations = self.policy(), self.observations(3)
        first, second = (self.stepped(policy, observations) for _ in range(2))
        return gap(first, second) > TOLERANCE

    def need_recurrent_policy(self, policy: Any) -> None:
        """Raises NotApplicableError for a feed-forward policy: no recurrent module, no memory claimed."""
        claims = getattr(policy, self.contract.memory.has, None)
        if not any(isinstance(module, RECURRENT) for module in policy.modules()) and not (
            callable(claims) and claims()
        ):
            raise NotApplicableError("the policy has no recurrent module and claims no memory")

    def need_carried_state(self) -> None:
        """Raises NotApplicableError where no state is carried; whether one should be is PV205's."""
        if not self.carries_state():
            raise NotApplicableError("the policy carries no state from one step to the next (see PV205)")

    # Data

    def observations(self, *lead: int, tokens: tuple[int, int] = (20, 80)) -> Tensor:
        """uint8 [*lead, M, 3]: between `tokens` valid tokens a row at random places, then padding."""
        rows = int(torch.Size(lead).numel())
        count = self.environment.single_observation_space.shape[0]
        valid = self._valid_tokens(rows, count)
        lengths = torch.randint(tokens[0], tokens[1] + 1, (rows, 1), generator=self.rng)
        beyond = torch.arange(count) >= lengths
        return valid.masked_fill(beyond.unsqueeze(-1), self.contract.padding).reshape(*lead, count, 3)

    def _valid_tokens(self, rows: int, count: int) -> Tensor:
        def draw(below: int) -> Tensor:
            return torch.randint(below, (rows, count), generator=self.rng)

        environment = self.environment
        coordinates = (draw(environment.obs_width) << 4) | draw(environment.obs_height)
        attributes = draw(len(environment.feature_normalizations))
        return torch.stack([coordinates, attributes, draw(256)], dim=-1).to(torch.uint8)

    def joint_actions(self) -> Tensor:
        """int32 [joint actions, 2]: every legal (type, argument) in the order of the joint index."""
        return torch.tensor(self.environment.joint_actions, dtype=torch.int32)

    def reachable_actions(self) -> Tensor:
        """int32 [N, 2]: the legal actions whose joint index the policy has a logit for (PV510 wants all)."""
        log_probs = self.step(self.policy(), self.observations(2)).get(self.contract.rollout.full_log_probs)
        actions = self.joint_actions()
        return actions[: log_probs.shape[-1]] if log_probs is not None and log_probs.ndim == 2 else actions

    def actions(self, *lead: int) -> Tensor:
        """int32 [*lead, 2]: random reachable actions."""
        reachable = self.reachable_actions()
        return reachable[torch.randint(len(reachable), lead, generator=self.rng)]

    # Calls

    def step(
        self,
        policy: Any,
        observations: Tensor,
        *,
        dones: Tensor | None = None,
        truncateds: Tensor | None = None,
        group: int = 0,
        without: Sequence[str] = (),
    ) -> TensorDict:
        """One rollout step as the trainer makes it: returns the TensorDict that forward wrote into, [B].

        `dones` and `truncateds` are [B], all false by default; keys in `without` are left out.
        """
        td = self._tensordict(observations, observations.shape[:1], dones, truncateds, group, without)
        with torch.no_grad():
            policy(td)
        return td

    def stepped(self, policy: Any, observations: Tensor, **given: Any) -> Outputs:
        """The outputs of a rollout step on a copy of `observations`; see `step` and `outputs`."""
        return self.outputs(self.step(policy, observations.clone(), **given))

    def rollout_input(self, observations: Tensor) -> TensorDict:
        """What the trainer hands to a rollout step: [B], no boundary, group 0."""
        return self._tensordict(observations, observations.shape[:1], None, None, 0)

    def train(
        self,
        policy: Any,
        observations: Tensor,
        actions: Tensor,
        *,
        dones: Tensor | None = None,
        truncateds: Tensor | None = None,
        group: int | None = None,
    ) -> TensorDictBase:
        """One training forward with gradients on observations [B, T, M, 3] and actions [B, T, 2].

        Only the observation key is given, as the reference's trainer does; with a `group` the environment and
        boundary keys are given too. Returns what forward returns.
        """
        lead = observations.shape[:2]
        if group is None:
            td = TensorDict({self.contract.observation: observations}, batch_size=lead)
        else:
            td = self._tensordict(observations, lead, dones, truncateds, group)
        with torch.enable_grad():
            returned = policy(td, action=actions)
        if not isinstance(returned, TensorDictBase):
            raise BrokenClauseError(
                f"the training forward returned a {type(returned).__name__}, not a TensorDict"
            )
        return returned

    def _tensordict(
        self,
        observations: Tensor,
        lead: torch.Size,
        dones: Tensor | None,
        truncateds: Tensor | None,
        group: int,
        without: Sequence[str] = (),
    ) -> TensorDict:
        done_key, truncated_key = self.contract.boundaries
        entries = {
            self.contract.observation: observations,
            done_key: torch.zeros(lead) if dones is None else dones.float(),
            truncated_key: torch.zeros(lead) if truncateds is None else truncateds.float(),
            self.contract.environment: torch.full(lead, group, dtype=torch.int64),
        }
        return TensorDict({key: entries[key] for key in entries if key not in without}, batch_size=lead)

    # Readings

    def outputs(self, td: TensorDictBase) -> Outputs:
        """The outputs of a rollout step. Raises NotApplicableError where a key is missing: PV104 names it."""
        keys, rows = self.contract.rollout, td.batch_size.numel()
        return Outputs(
            _read(td, keys.act_log_prob, (rows,)),
            _read(td, keys.value, (rows,)),
            _read(td, keys.full_log_probs, (rows, -1)),
        )

    def training_outputs(self, td: TensorDictBase, batch: int, steps: int) -> Outputs:
        """The outputs of a training forward over `batch` rows of `steps` steps. Raises as `outputs` does."""
        keys = self.contract.training
        return Outputs(
            _read(td, keys.act_log_prob, (batch, steps)),
            _read(td, keys.value, (batch, steps)),
            _read(td, keys.full_log_probs, (batch, steps, -1)),
        )

    def flags(self, *lead: int, at: Iterable[tuple[int, ...]] = ()) -> Tensor:
        """Boolean [*lead], true at the given places."""
        flags = torch.zeros(lead, dtype=torch.bool)
        for place in at:
            flags[place] = True
        return flags


def _read(td: TensorDictBase, key: str, shape: tuple[int, ...]) -> Tensor:
    tensor: Tensor | None = td.get(key)
    if tensor is None:
        raise NotApplicableError(f"the forward writes no {key!r} (see PV104)")
    try:
        return tensor.detach().reshape(shape)
    except RuntimeError:
        raise NotApplicableError(f"{key!r} has shape {list(tensor.shape)} (see PV103, PV104)") from None


def difference(one: Tensor, other: Tensor) -> float:
    """Largest |one - other|, relative to the largest finite magnitude, at least 1. Equal infinities agree."""
    if one.shape != other.shape:
        return float("inf")
    apart = torch.where(one == other, torch.zeros_like(one), (one - other).abs()).nan_to_num(nan=float("inf"))
    finite = other[other.isfinite()].abs()
    scale = max(1.0, finite.max().item() if finite.numel() else 1.0)
    return float(apart.max().item()) / scale if apart.numel() else 0.0


def gap(one: Outputs, other: Outputs) -> float:
    """Largest difference of value and log-probs; the sampled action's own log-prob is random, so left out."""
    return max(difference(one.value, other.value), difference(one.full_log_probs, other.full_log_probs))


def rows(outputs: Outputs, index: Tensor | slice) -> Outputs:
    """The outputs of the rows that the boolean mask or the slice selects."""
    return Outputs(outputs.act_log_prob[index], outputs.value[index], outputs.full_log_probs[index])


def clippable_weights(policy: nn.Module) -> dict[str, Tensor]:
    """The weights that clipping covers, by path: those of Linear and Conv layers."""
    return {
        f"{path}.weight": module.weight
        for path, module in policy.named_modules()
        if isinstance(module, CLIPPED)
    }


def spread_weights(policy: nn.Module) -> None:
    """Push every parameter far outside any clip range: entries of ±1 and beyond."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in policy.parameters():
            signs = torch.randint(2, parameter.shape, generator=generator) * 2 - 1
            parameter.add_(signs * (1 + parameter.abs()))


def tensors_in(held: Any) -> Iterator[Tensor]:
    """Every tensor in nested mappings, lists and tuples."""
    if isinstance(held, Tensor):
        yield held
    elif isinstance(held, (Mapping, TensorDictBase)):
        for entry in held.values():
            yield from tensors_in(entry)
    elif isinstance(held, (list, tuple)):
        for entry in held:
            yield from tensors_in(entry)


def kept_tensors(policy: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Every tensor that the policy keeps and that is no parameter, with the path to it.

    Follows modules, attributes, dicts, lists, tuples and plain objects. A tensor met twice is yielded once.
    """
    seen: set[int] = set()
    parameters = {id(parameter) for parameter in policy.parameters()}
    pending: list[tuple[str, Any]] = [(type(policy).__name__, policy)]
    while pending:
        path, held = pending.pop()
        if id(held) in seen or id(held) in parameters:
            continue
        seen.add(id(held))
        if isinstance(held, Tensor):
            yield path, held
        elif isinstance(held, (Mapping, TensorDictBase)):
            pending.extend((f"{path}[{key!r}]", entry) for key, entry in held.items())
        elif isinstance(held, (list, tuple, set, frozenset)):
            pending.extend((f"{path}[{place}]", entry) for place, entry in enumerate(held))
        elif isinstance(held, nn.Module) or type(held).__module__.partition(".")[0] not in _OPAQUE:
            pending.extend((f"{path}.{name}", entry) for name, entry in _attributes(held))


_OPAQUE = frozenset({"builtins", "torch", "numpy", "gymnasium", "logging", "types", "functools", "weakref"})


def _attributes(held: Any) -> Iterator[tuple[str, Any]]:
    attributes = getattr(held, "__dict__", None)
    if not isinstance(attributes, dict):
        attributes = {}
    for name, entry in attributes.items():
        if isinstance(held, nn.Module) and name in ("_modules", "_buffers"):
            yield from entry.items()
        else:
            yield name, entry
    for owner in type(held).__mro__:
        slots = owner.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(held, name) and name not in ("__dict__", "__weakref__"):
                yield name, getattr(held, name)
