import torch
import torch.nn as nn
from tensordict import TensorDict


class Net(nn.Module):
    def __init__(self, clip_range):
        super().__init__()
        self.clip_range = clip_range
        self.embed = nn.Linear(600, 64)
        self.out = nn.Linear(64, 64)

    def forward(self, rows):
        return self.out(self.embed(rows).relu())

    def clip_weights(self):
        with torch.no_grad():
            for layer in (self.embed, self.out):
                layer.weight.clamp_(-0.5 * self.clip_range, 0.5 * self.clip_range)


class Forager(nn.Module):
    def __init__(self, env, clip_range=0.0):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self.clip_range = clip_range
        self.embed = Net(clip_range)

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        hidden = self.embed(rows).unsqueeze(0)
        out, _ = self.lstm(hidden)
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td

    def clip_weights(self):
        self.embed.clip_weights()
        for weight in self.parameters():
            weight.data.clamp_(-self.clip_range, self.clip_range)  # expect: PF304
