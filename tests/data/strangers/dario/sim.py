import types

import torch
from tensordict import TensorDict


class Sim:
    """Agents in two halves, which answer in turn."""

    def __init__(self, num_envs=16, tokens=28, horizon=80):
        self.num_envs = num_envs
        self.obs_width, self.obs_height = 13, 13
        self.feature_normalizations = {0: 1.0, 1: 4.0, 2: 12.0, 3: 100.0}
        self.single_observation_space = types.SimpleNamespace(shape=(tokens, 3))
        self.max_action_args = [0, 2, 2, 1]
        self.horizon = horizon
        self.clock = torch.zeros(num_envs)
        self.offset = 0

    @property
    def half(self):
        return self.num_envs // 2

    def recv(self, device="cpu"):
        rows = slice(self.offset, self.offset + self.half)
        obs = torch.randint(0, 4, (self.half, *self.single_observation_space.shape), dtype=torch.uint8)
        obs[:, -6:] = 255
        dones = torch.rand(self.half).lt(0.015)
        truncateds = self.clock[rows].ge(self.horizon) & ~dones
        self.clock[rows] = torch.where(dones | truncateds, 0.0, self.clock[rows] + 1.0)
        entries = {
            "env_obs": obs,
            "rewards": torch.rand(self.half),
            "dones": dones.float(),
            "truncateds": truncateds.float(),
            "training_env_id_start": torch.full((self.half,), self.offset, dtype=torch.int64),
        }
        return TensorDict(entries, batch_size=[self.half]).to(device)

    def send(self, actions):
        self.offset = (self.offset + actions.shape[0]) % self.num_envs

    def equip(self, policy, device):
        bounds = torch.tensor([0, *self.max_action_args], device=device)
        policy.cum_action_max_params = bounds.cumsum(0)
        table = [(k, a) for k, m in enumerate(self.max_action_args) for a in range(m + 1)]
        policy.action_index_tensor = torch.tensor(table, dtype=torch.int32, device=device)
        return policy.to(device)
