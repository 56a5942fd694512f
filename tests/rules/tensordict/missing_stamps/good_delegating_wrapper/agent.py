import torch.nn as nn
from tensordict import TensorDict

from policy import Forager


class Agent(nn.Module):
    def __init__(self, env, policy=None):
        super().__init__()
        self.policy = Forager(env) if policy is None else policy

    def forward(self, td: TensorDict, state=None, action=None):
        if td["env_obs"].shape[0] == 0:
            return td
        return self.policy(td, state, action)
