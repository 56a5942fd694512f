"""What a rollout leaves behind: segments of fixed length, sampled by how surprising they were."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Field:
    """Shape and dtype of what is stored of one step of one agent."""

    shape: tuple[int, ...]
    dtype: torch.dtype


def observation_field(space: Any) -> Field:
    """What is stored of an observation: the shape and dtype of its space, uint8 where that names none."""
    name = str(getattr(space, "dtype", None) or "uint8").removeprefix("torch.")  # numpy's or torch's
    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype):
        raise ValueError(f"single_observation_space has the dtype {name}, which torch does not know")
    return Field(tuple(int(size) for size in space.shape), dtype)


def experience_spec(agent: Mapping[str, Field], action: Field) -> dict[str, Field]:
    """Everything that is stored of a step: what the agent reads, then what the trainer needs.

    `dones` and `truncateds` are stored as the environment gives them; `starts` is true where the policy's
    state was zero before the step.

    Raises ValueError where the agent names a field of the trainer.
    """
    number, flag = Field((), torch.float32), Field((), torch.bool)
    trainer = {
        "rewards": number,
        "dones": flag,
        "truncateds": flag,
        "starts": flag,
        "actions": action,
        "act_log_prob": number,
        "values": number,
    }
    if doubled := sorted(agent.keys() & trainer.keys()):
        raise ValueError(f"the agent's experience spec names fields of the trainer: {', '.join(doubled)}")
    return {**agent, **trainer}


class ExperienceBuffer:
    """Segments of `horizon` steps of every agent: one TensorDict `data` of batch size `[segments, horizon]`.

    The k-th segment of agent i is row `k * agents + i`. Agents come in groups that step together; groups may
    be at different steps, and one that has filled its rows waits for the others.
    """

    def __init__(
        self,
        spec: Mapping[str, Field],
        *,
        segments: int,
        horizon: int,
        agents: int,
        device: torch.device | str = "cpu",
    ) -> None:
        """Allocate zeros for `spec`.

        Raises ValueError unless all sizes are positive and `segments` is a multiple of `agents`.
        """
        if min(segments, horizon, agents) < 1:
            raise ValueError(f"sizes must be positive: {segments=}, {horizon=}, {agents=}")
        if segments % agents:
            raise ValueError(
                f"{segments} segments do not divide among {agents} agents: make batch_size a multiple of "
                f"{agents * horizon} steps"
            )
        self.segments, self.horizon, self.agents = segments, horizon, agents
        zeros = {
            name: torch.zeros(segments, horizon, *field.shape, dtype=field.dtype, device=device)
            for name, field in spec.items()
        }
        self.data = TensorDict(zeros, batch_size=[segments, horizon], device=device)
        self.states: dict[str, Tensor] = {}  # by name, before each segment's first step: [L, segments, H]
        self._fields = tuple(spec)
        self._steps: dict[int, int] = {}  # first agent of a group -> steps stored of it
        self._missing = segments * horizon

    @property
    def ready(self) -> bool:
        """Whether every segment is full."""
        return self._missing == 0

    def restart(self) -> None:
        """Begin anew in the first column; what is stored will be overwritten."""
        self._steps.clear()
        self._missing = self.segments * self.horizon
        for part in self.states.values():
            part.zero_()

    def is_full(self, group: slice) -> bool:
        """Whether nothing more of the agents `group` is stored."""
        return self._steps.get(group.start, 0) * self.agents == self.segments * self.horizon

    def begins_segment(self, group: slice) -> bool:
        """Whether the next step of the agents `group` opens a segment."""
        return not self.is_full(group) and self._steps.get(group.start, 0) % self.horizon == 0

    def store(self, group: slice, step: Mapping[str, Tensor]) -> None:
        """Write one step of the agents `group`; `step` holds `[n, ...]` for every field of the spec.

        Raises:
            KeyError: a field is missing, named.
            ValueError: the group's segments are full already, or floats are given for a field of integers.
        """
        if self.is_full(group):
            raise ValueError(f"the segments of agents {group.start} to {group.stop - 1} are full")
        segment, column = divmod(self._steps.get(group.start, 0), self.horizon)
        rows = slice(segment * self.agents + group.start, segment * self.agents + group.stop)
        for name in self._fields:
            if name not in step:
                raise KeyError(f"the step has no {name!r}; it has {', '.join(map(str, step.keys()))}")
            stored = self.data[name][rows, column]
            keeps_fractions = stored.is_floating_point() or stored.dtype is torch.bool  # flags have none
            if step[name].is_floating_point() and not keeps_fractions:
                raise ValueError(
                    f"{name!r} is {step[name].dtype}, but stored as {stored.dtype}, without its fractions: "
                    "the environment's space, or the agent's experience spec, names another dtype"
                )
            stored.copy_(step[name].reshape(stored.shape))
        self._steps[group.start] = self._steps.get(group.start, 0) + 1
        self._missing -= group.stop - group.start

    def store_state(self, group: slice, state: Mapping[str, Tensor]) -> None:
        """Keep the recurrent state, by name `[L, n, H]`, that the group's next segment starts from.

        Raises ValueError unless a segment is about to begin.
        """
        if not self.begins_segment(group):
            raise ValueError(f"no segment of agents {group.start} to {group.stop - 1} begins here")
        first = self._steps.get(group.start, 0) // self.horizon * self.agents
        for name, part in state.items():
            if name not in self.states:
                layers, _, hidden_size = part.shape
                self.states[name] = part.new_zeros(
                    layers, self.segments, hidden_size, device=self.data.device
                )
            self.states[name][:, first + group.start : first + group.stop] = part

    def state(self, rows: Tensor) -> dict[str, Tensor | None] | None:
        """The state that the segments `rows`, int64 `[n]`, start from, as `forward` takes it."""
        return {name: part.index_select(1, rows) for name, part in self.states.items()} or None

    def update(self, rows: Tensor, entries: Mapping[str, Tensor]) -> None:
        """Overwrite fields of the segments `rows`, int64 `[n]`, by `[n, horizon, ...]`, in place."""
        for name, entry in entries.items():
            self.data[name].index_copy_(0, rows, entry.to(self.data[name].dtype))


def segment_probabilities(advantages: Tensor, alpha: float) -> Tensor:
    """Probability `[S]` of each segment to be sampled: (sum of |advantages| `[S, T]`)^`alpha`, normalised.

    `alpha` = 0 makes them equal. A weight that is NaN or infinite counts as 0. The 1e-6 on both sides of the
    fraction is the reference's, so the sum is a little off 1. Source: Schaul et al., "Prioritized Experience
    Replay", 2016.
    """
    weights = torch.nan_to_num(advantages.abs().sum(1).pow(alpha), nan=0.0, posinf=0.0, neginf=0.0)
    return (weights + 1e-6) / (weights.sum() + 1e-6)


def sample_segments(probabilities: Tensor, size: int) -> Tensor:
    """`size` segments int64 `[size]`, none twice, drawn one after the other with probabilities `[S]`.

    An exponential race, as `sample_index` runs it: the draw of `torch.multinomial`, and no wait.
    """
    return (probabilities / torch.empty_like(probabilities).exponential_()).topk(size).indices


def importance_weights(probabilities: Tensor, beta: float) -> Tensor:
    """What undoes the preference of `segment_probabilities` `[S]`: (S * p)^-`beta`, `[S, 1]`."""
    return (len(probabilities) * probabilities).pow(-beta).unsqueeze(1)
