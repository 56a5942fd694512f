import torch
import torch.nn as nn
from tensordict import TensorDict

class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.cores = nn.ModuleDict({name: nn.LSTM(64, 64) for name in ("actor",)})
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        for name, parameter in self.named_parameters():
            if "bias" in name:
                nn.init.constant_(parameter, 1.0)
            elif "weight" in name:
                nn.init.orthogonal_(parameter, 1.0)

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        hidden = self.embed(rows).unsqueeze(0)
        out, (h, c) = self.cores["actor"](hidden, state)
        td["h"], td["c"] = h, c
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
