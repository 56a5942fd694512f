import copy
from typing import Any, Optional

import torch
from tensordict import TensorDict

from algo.learner import Learner
from algo.store import TrajectoryStore
from core.policy import ImpalaPolicy


class RolloutWorker:
    """Plays with a copy of the learner's policy, and fetches new weights between rollouts."""

    def __init__(self, policy: ImpalaPolicy, vecenv: Any, store: TrajectoryStore):
        self.source = policy
        self.policy = copy.deepcopy(policy)
        self.policy.cum_action_max_params = policy.cum_action_max_params
        self.policy.action_index_tensor = policy.action_index_tensor
        self.vecenv, self.store = vecenv, store

    def refresh(self) -> None:
        self.policy.load_state_dict(self.source.state_dict())
        self.policy.reset_memory()

    def receive(self, device: torch.device) -> tuple:
        obs, rewards, dones, truncateds, _, ids, _ = self.vecenv.recv()
        rows = slice(int(ids[0]), int(ids[-1]) + 1)
        entries = {"rewards": rewards, "dones": dones, "truncateds": truncateds}
        td = TensorDict(
            {key: torch.as_tensor(value, device=device).float() for key, value in entries.items()},
            batch_size=[rows.stop - rows.start],
        )
        td["env_obs"] = torch.as_tensor(obs, device=device)
        td["training_env_id_start"] = torch.full(td.batch_size, rows.start, device=device)
        return rows, td

    @torch.inference_mode()
    def play(self) -> None:
        self.refresh()
        columns: dict = {}
        while len(columns) < 1 or min(columns.values()) < self.store.horizon:
            rows, td = self.receive(self.store.versions.device)
            self.policy(td)
            column = columns.get(rows.start, 0)
            if column < self.store.horizon:
                self.store.put(rows, column, td)
            columns[rows.start] = column + 1
            self.vecenv.send(td["actions"].cpu().numpy())


class InlineWorker:
    """Plays with the learner's own policy; for debugging, in one process."""

    def __init__(self, learner: Learner, vecenv: Any):
        self.learner, self.vecenv = learner, vecenv
        self.policy: ImpalaPolicy = learner.policy

    @torch.no_grad()
    def play(self, obs: torch.Tensor, flags: Optional[dict] = None) -> torch.Tensor:
        store = self.learner.store
        flags = flags or {key: torch.zeros(store.segments) for key in ("rewards", "dones", "truncateds")}
        for column in range(store.horizon):
            td = TensorDict({"env_obs": obs, **flags}, batch_size=[store.segments])
            self.policy(td)
            store.put(slice(0, store.segments), column, td)
            obs, rewards, dones, truncateds = self.vecenv.step(td["actions"])
            flags = {"rewards": rewards, "dones": dones.float(), "truncateds": truncateds.float()}
        return obs

    def run(self, updates: int) -> None:
        obs = self.vecenv.reset()
        for _ in range(updates):
            obs = self.play(obs)
            self.learner.learn(self.learner.store.segments)
