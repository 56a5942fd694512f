"""The real environment: `mettagrid` from PyPI, as the trainer asks for it.

pip install 'policyfix[mettagrid]'
"""

from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .advantage import Alignment, check_alignment
from .environment import Step


class MettaGrid:
    """Simulations of one mettagrid config that take turns; the agents of each are a group.

    Observations are tokens uint8 `[tokens, 3]`, (coordinate byte, feature id, value); 0xFF marks an unused
    one and 0xFE a global one, which stands at no cell. Actions are Discrete. Episodes end for all agents of a
    simulation at once.

    Written for mettagrid 0.26. Its own vector environment gives the end of an episode with the last
    observation, and applies the next action to an episode whose first observation nobody sees. Here the
    first observation is delivered: at once, with the flags (alignment "first"), or one step after the last
    one, in place of a step whose action is ignored ("last").
    """

    def __init__(
        self,
        config: Any = None,
        *,
        agents: int = 24,
        simulations: int = 1,
        tokens: int = 200,
        width: int = 11,
        height: int = 11,
        max_steps: int = 1000,
        alignment: Alignment = "first",
        seed: int = 0,
    ) -> None:
        """Start `simulations` of `config`, a `MettaGridConfig`; None: the arena for `agents` agents.

        The sizes of the observation and of an episode are set in `config`. `seed` counts up from simulation
        to simulation.

        Raises ImportError where mettagrid is not installed.
        """
        try:
            make_arena = import_module("mettagrid.builder.envs").make_arena
            interface = import_module("mettagrid.policy.policy_env_interface").PolicyEnvInterface
            simulator = import_module("mettagrid.simulator").Simulator
        except ImportError as missing:
            raise ImportError(
                f"the mettagrid environment is not installed ({missing}): pip install 'policyfix[mettagrid]'"
            ) from missing
        check_alignment(alignment)
        config = make_arena(num_agents=agents) if config is None else config
        observed = config.game.obs
        observed.num_tokens, observed.width, observed.height = tokens, width, height
        config.game.max_steps = max_steps
        described = interface.from_mg_cfg(config)
        self.obs_width, self.obs_height = int(described.obs_width), int(described.obs_height)
        self.single_observation_space = described.observation_space
        self.single_action_space = described.action_space
        self.action_names = list(described.action_names)
        self.max_action_args = [0] * len(self.action_names)
        self._features = {
            feature.name: {"id": int(feature.id), "normalization": float(feature.normalization)}
            for feature in described.obs_features
        }
        self.feature_normalizations = {
            int(feature["id"]): feature["normalization"] for feature in self._features.values()
        }
        self._size = int(described.num_agents)
        self.num_agents = simulations * self._size
        self._config, self._alignment, self._seed = config, alignment, seed
        self._simulator = simulator()
        self._simulations = [self._begin() for _ in range(simulations)]
        self._turn = 0
        nothing = np.zeros(self._size, dtype=np.bool_)
        quiet = (np.zeros(self._size, dtype=np.float32), nothing, nothing)
        self._outcomes = [quiet] * simulations  # rewards and flags of each one's last step
        self._quiet = quiet

    def get_observation_features(self) -> dict[str, dict[str, float]]:
        """Feature name -> its id and its normalisation."""
        return {name: dict(feature) for name, feature in self._features.items()}

    def recv(self) -> Step:
        """The next simulation's step."""
        observations = torch.from_numpy(self._simulations[self._turn]._c_sim.observations().copy())
        rewards, dones, truncateds = (torch.from_numpy(part) for part in self._outcomes[self._turn])
        first = self._turn * self._size
        return Step(observations, rewards, dones, truncateds, slice(first, first + self._size))

    def send(self, actions: Tensor) -> None:
        """Act for the simulation received last: int `[n]`, indices of `action_names`."""
        turn = self._turn
        self._turn = (turn + 1) % len(self._simulations)
        simulation = self._simulations[turn]
        if simulation.is_done():  # its last observation has been seen
            self._restart(turn)
            self._outcomes[turn] = self._quiet
            return
        engine = simulation._c_sim
        engine.actions()[:] = actions.reshape(-1).cpu().numpy()
        simulation.step()
        self._outcomes[turn] = (
            engine.rewards().astype(np.float32),  # copies: the engine writes into its own
            engine.terminals().astype(np.bool_),
            engine.truncations().astype(np.bool_),
        )
        if simulation.is_done() and self._alignment == "first":
            self._restart(turn)

    def close(self) -> None:
        """Stop all simulations."""
        for simulation in self._simulations:
            simulation.close()

    def _begin(self) -> Any:
        self._seed += 1
        return self._simulator.new_simulation(self._config, self._seed - 1)

    def _restart(self, turn: int) -> None:
        self._simulations[turn].close()
        self._simulations[turn] = self._begin()
