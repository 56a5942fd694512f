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

    def forward(self, td: TensorDict, state=None, action=None):
        box = self.encode(td["env_obs"])
        out = self.embed(box).relu()
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td

    def encode(self, tokens):
        there = tokens != 255
        tokens = torch.where(there, tokens, torch.zeros_like(tokens))
        coords = tokens[..., 0]
        valid = there[..., 0]
        box = torch.zeros(tokens.shape[0], 600)
        return box.scatter_(1, (coords * valid).long(), tokens[..., 2].float())
