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
        self.joint = Bounded(64, sum(most + 1 for most in env.max_action_args))

    def forward(self, td: TensorDict, state=None, action=None):
        features = self.embed(td["env_obs"].flatten(1).float()).relu()
        td["values"] = self.critic(features).flatten()
        logits = self.joint(features)
        log_probs = logits.log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = self.action_index_tensor[log_probs.exp().multinomial(1).view(-1)]
        return td
