import torch
from tensordict import TensorDict
from torch import nn


class Forager(nn.Module):
    def __init__(self, env, hidden_size=64, num_layers=2):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, hidden_size, num_layers=num_layers)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        rows = self.embed(td["env_obs"].flatten(1).float()).unsqueeze(0)
        out, _ = self.lstm(rows)
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td


class Shallow(Forager):
    def __init__(self, env, hidden_size=64, num_layers=2):  # expect: PF209
        super().__init__(env, hidden_size, num_layers=num_layers)
        self.lstm = nn.LSTM(64, hidden_size)
