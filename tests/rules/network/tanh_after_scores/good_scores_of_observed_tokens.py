import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.critic = nn.Linear(64, 1)
        self.rows = nn.Embedding(256, 64)

    def forward(self, td: TensorDict, state=None, action=None):
        features = self.embed(td["env_obs"].flatten(1).float()).relu()
        td["values"] = self.critic(features).flatten()
        logits = torch.tanh(features.unsqueeze(1) @ self.rows(td["env_obs"][..., 1].long()).transpose(1, 2)).squeeze(1)
        log_probs = logits.log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = self.action_index_tensor[log_probs.exp().multinomial(1).view(-1)]
        return td
