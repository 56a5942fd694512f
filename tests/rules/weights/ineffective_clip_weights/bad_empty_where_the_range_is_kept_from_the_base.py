import torch
import torch.nn as nn
from tensordict import TensorDict


class Base(nn.Module):
    def __init__(self, env, width=64, clip_range=0.0):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self.clip_range = clip_range

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        out, _ = self.lstm(self.embed(rows).unsqueeze(0))
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td

    def clip_weights(self):
        if self.clip_range > 0:
            for weight in self.parameters():
                weight.data.clamp_(-self.clip_range, self.clip_range)


class Short(Base):
    def __init__(self, env, width=32):
        super().__init__(env, width)

    def clip_weights(self):  # expect: PF302
        return None


class Narrow(Base):
    def __init__(self, env, clip_range=0.0):
        super().__init__(env)

    def clip_weights(self):
        super().clip_weights()
        for weight in self.parameters():
            weight.data.clamp_(-0.5, 0.5)  # expect: PF302


class Renaming(Base):
    def __init__(self, env, clip_range=0.0):
        super().__init__(env)
        self.bound = clip_range

    def clip_weights(self):  # expect: PF302
        if self.clip_range > 0:
            for weight in self.parameters():
                weight.data.clamp_(-self.clip_range, self.clip_range)
