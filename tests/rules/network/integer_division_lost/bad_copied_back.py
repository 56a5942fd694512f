import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self.register_buffer("norms", torch.full((256,), 255.0))

    def forward(self, td: TensorDict, state=None, action=None):
        tokens = td["env_obs"].clone()
        tokens[..., 2].copy_(tokens[..., 2].float() / 255)  # expect: PF509
        out = self.embed(tokens.flatten(1).float()).relu()
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
