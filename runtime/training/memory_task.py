"""A task that cannot be solved without memory: say at the end which cue was shown at the beginning."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .environment import Step

EMPTY = 255  # all three bytes of an unused token


@dataclass(frozen=True, slots=True)
class Box:
    """Observations: uint8 of this shape."""

    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MultiDiscrete:
    """Actions: (type, argument), of so many types and arguments."""

    nvec: tuple[int, int]


class CueRecall:
    """One of `cues` cues is shown at an episode's first step, a question some steps later, else nothing.

    The action that names the cue at the question earns 1, all else 0; then the next episode begins. Without
    memory no policy earns more than 1 / `cues` an episode on average, since all questions look alike; with
    it, 1. The delay is drawn anew each time, so counting steps does not help either.

    Observations are the contract's tokens, uint8 `[tokens, 3]`, in the window's centre: feature k is cue k,
    feature `cues` is the question. Actions are (0, 0), wait, and (1, k), answer k. A group is an equal share
    of the agents; its flags come with the first observation of the next episode.
    """

    single_observation_space: Any
    single_action_space: Any

    def __init__(
        self,
        agents: int = 64,
        cues: int = 4,
        delay: tuple[int, int] = (2, 5),
        groups: int = 1,
        tokens: int = 4,
        window: int = 3,
        seed: int = 0,
    ) -> None:
        """`delay`: fewest and most steps from the cue to the question, at least 1. `window`: cells a side.

        Raises ValueError for sizes that cannot be.
        """
        if agents % groups or min(agents, groups, tokens) < 1 or cues < 2 or not 1 <= window <= 15:
            raise ValueError(f"cannot build {groups} groups of {agents} agents with {cues} cues")
        if not 1 <= delay[0] <= delay[1]:
            raise ValueError(f"delay must be (fewest, most) with 1 <= fewest <= most, got {delay}")
        self.num_agents, self.cues, self.delay = agents, cues, delay
        self.obs_width = self.obs_height = window
        self._centre = 0x11 * (window // 2)  # x and y in the byte's halves
        self.single_observation_space = Box((tokens, 3))
        self.single_action_space = MultiDiscrete((2, cues))
        self.action_names = ["wait", "answer"]
        self.max_action_args = [0, cues - 1]
        self.feature_normalizations = dict.fromkeys(range(cues + 1), 255.0)

        self._size = agents // groups
        self._next = 0  # first agent of the group whose turn it is
        self._generator = torch.Generator().manual_seed(seed)
        self._cue = torch.zeros(agents, dtype=torch.int64)
        self._age = torch.zeros(agents, dtype=torch.int64)
        self._question = torch.zeros(agents, dtype=torch.int64)  # the age at which it comes
        self._rewards = torch.zeros(agents)
        self._dones = torch.zeros(agents, dtype=torch.bool)
        self._begin(torch.ones(agents, dtype=torch.bool), slice(0, agents))

    def get_observation_features(self) -> dict[str, dict[str, float]]:
        """Feature name -> its id and its normalisation."""
        names = [f"cue_{k}" for k in range(self.cues)] + ["question"]
        return {name: {"id": k, "normalization": 255.0} for k, name in enumerate(names)}

    def recv(self) -> Step:
        """The next group's step."""
        group = slice(self._next, self._next + self._size)
        shown, asked = self._age[group] == 0, self._age[group] == self._question[group]
        feature = torch.where(asked, self.cues, self._cue[group])
        token = torch.stack(
            [torch.full_like(feature, self._centre), feature, torch.full_like(feature, 255)], dim=-1
        )
        observations = torch.full(
            (self._size, *self.single_observation_space.shape), EMPTY, dtype=torch.uint8
        )
        observations[:, 0] = torch.where((shown | asked)[:, None], token, EMPTY).to(torch.uint8)
        dones = self._dones[group].clone()
        return Step(observations, self._rewards[group].clone(), dones, torch.zeros_like(dones), group)

    def send(self, actions: Tensor) -> None:
        """Act for the group received last: `[n, 2]`."""
        group = slice(self._next, self._next + self._size)
        kind, argument = actions.cpu().unbind(-1)
        asked = self._age[group] == self._question[group]
        self._rewards[group] = (asked & (kind == 1) & (argument == self._cue[group])).float()
        self._dones[group] = asked
        self._age[group] += 1
        self._begin(asked, group)
        self._next = group.stop % self.num_agents

    def _begin(self, where: Tensor, group: slice) -> None:
        """Start new episodes of the agents of `group` where `where` `[n]` is true."""
        size, draw = (len(where),), self._generator
        cue = torch.randint(self.cues, size, generator=draw)
        question = torch.randint(self.delay[0], self.delay[1] + 1, size, generator=draw)
        self._cue[group] = torch.where(where, cue, self._cue[group])
        self._question[group] = torch.where(where, question, self._question[group])
        self._age[group] = self._age[group].masked_fill(where, 0)

    def state_dict(self) -> dict[str, Any]:
        """Everything that `load_state_dict` needs to go on exactly here."""
        tensors = {name: getattr(self, name).clone() for name in self._state}
        return {**tensors, "next": self._next, "generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where another one of the same sizes stood."""
        for name in self._state:
            getattr(self, name).copy_(state[name])
        self._next = state["next"]
        self._generator.set_state(state["generator"])

    _state = ("_cue", "_age", "_question", "_rewards", "_dones")
