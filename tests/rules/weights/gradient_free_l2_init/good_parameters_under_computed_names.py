import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    def __init__(self, env, clip_range=0.0):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self.clip_range = clip_range
        for i, layer in enumerate(self.layers()):
            setattr(self, f"start_{i}", nn.Parameter(layer.weight.detach().clone()))

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        out, _ = self.lstm(self.embed(rows).unsqueeze(0))
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td

    def l2_init_loss(self):
        terms = [(m.weight.data - getattr(self, f"start_{i}")).square().sum() for i, m in enumerate(self.layers())]
        return torch.stack(terms).sum()

    def layers(self):
        yield from (module for module in self.modules() if isinstance(module, nn.Linear))
