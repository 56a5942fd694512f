import torch
import torch.nn as nn
from tensordict import TensorDict


class Bounded(nn.Linear):
    def __init__(self, size, out):
        super().__init__(size, out)
        nn.init.orthogonal_(self.weight, 0.01)


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.critic = nn.Linear(64, 1)
        self.heads = nn.ModuleList([Bounded(64, int(n)) for n in env.single_action_space.nvec])

    def forward(self, td: TensorDict, state=None, action=None):
        features = self.embed(td["env_obs"].flatten(1).float()).relu()
        td["values"] = self.critic(features).flatten()
        logits = torch.cat([head(features) for head in self.heads], dim=-1)  # expect: PF510
        log_probs = logits.log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = self.action_index_tensor[log_probs.exp().multinomial(1).view(-1)]
        return td
