import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.critic = nn.Linear(64, 1)
        self.rows = nn.Embedding(100, 16)
        self.query = nn.Linear(64, 16)

    def forward(self, td: TensorDict, state=None, action=None):
        features = self.embed(td["env_obs"].flatten(1).float()).relu()
        td["values"] = self.critic(features).flatten()
        scores = self.query(features) @ self.rows.weight[:19].T
        logits = torch.tanh(scores)  # expect: PF508
        log_probs = logits.float().log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = self.action_index_tensor[log_probs.exp().multinomial(1).view(-1)]
        return td
