from abc import ABC, abstractmethod

import torch.nn as nn
from tensordict import TensorDict


class Root(ABC, nn.Module):
    def __init__(self, env):
        super().__init__()
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)

    @abstractmethod
    def encode(self, rows):
        raise NotImplementedError

    def forward(self, td: TensorDict, state=None, action=None):
        out = self.lstm(self.encode(td["env_obs"].float().flatten(1)).unsqueeze(0))[0].squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td


class Forager(Root):
    def __init__(self, env, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(env)
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.embed = nn.Linear(600, 64)

    def encode(self, rows):
        return self.embed(rows).relu()

    def clip_weights(self):
        if self.clip_range > 0:
            for parameter in self.parameters():
                parameter.data.clamp_(-self.clip_range, self.clip_range)
