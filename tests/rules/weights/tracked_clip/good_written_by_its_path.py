import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    def __init__(self, env, clip_range=0.0, analyze_weights_interval=300, **kwargs):
        super().__init__()
        self.clip_range = clip_range
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)

    def clip_weights(self):
        for name, weight in list(self.named_parameters()):
            path, _, leaf = name.rpartition(".")
            bounded = weight.detach().clamp(-self.clip_range, self.clip_range)
            getattr(self.get_submodule(path), leaf).data.copy_(bounded)

    def forward(self, td: TensorDict, state=None, action=None):
        td["values"] = self.actor(self.lstm(self.embed(td["env_obs"].float().flatten(1)).unsqueeze(0))[0])
        return td
