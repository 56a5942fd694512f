import torch
import torch.nn as nn
from policyfix.runtime import RecurrentPolicy


class Forager(RecurrentPolicy):
    def __init__(self, env, **config):
        super().__init__(env, Net(env), 64, 64, **config)


class Net(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.critic = nn.Linear(64, 1)
        self.heads = nn.ModuleList([nn.Linear(64, n) for n in env.single_action_space.nvec])

    def encode_observations(self, observations, state=None):
        return self.embed(observations.flatten(1).float()).relu()

    def decode_actions(self, hidden):
        logits = torch.cat([head(hidden) for head in self.heads], dim=-1)  # expect: PF510
        return logits, self.critic(hidden)
