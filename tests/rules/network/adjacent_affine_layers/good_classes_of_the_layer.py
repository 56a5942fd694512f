import torch
import torch.nn as nn
from tensordict import TensorDict


class Dense(nn.Linear):
    pass


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = Dense(600, 64)
        self.mid = Dense(64, 64)
        self.lstm = nn.LSTM(64, 64)
        self.critic = nn.Linear(64, 1)
        self.rows = nn.Linear(64, 19)

    def forward(self, td: TensorDict, state=None, action=None):
        features = self.mid(self.embed(td["env_obs"].flatten(1).float()).relu()).relu()
        td["values"] = self.critic(features).flatten()
        log_probs = self.rows(features).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = self.action_index_tensor[log_probs.exp().multinomial(1).view(-1)]
        return td
