import torch
import torch.nn as nn
from tensordict import TensorDict


class Names(nn.Embedding):
    def reset_parameters(self):
        nn.init.orthogonal_(self.weight)


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.critic = nn.Linear(64, 1)
        self.rows = Names(100, 16)  # expect: PF505
        self.query = nn.Linear(64, 16)

    def forward(self, td: TensorDict, state=None, action=None):
        features = self.embed(td["env_obs"].flatten(1).float()).relu()
        td["values"] = self.critic(features).flatten()
        logits = torch.tanh(self.query(features)) @ self.rows.weight.T
        log_probs = logits.log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = self.action_index_tensor[log_probs.exp().multinomial(1).view(-1)]
        return td
