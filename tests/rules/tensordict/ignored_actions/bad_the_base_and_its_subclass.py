import torch
import torch.nn as nn
from tensordict import TensorDict


class Policy(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        out, (h, c) = self.lstm(self.embed(rows).unsqueeze(0), state)
        td["h"], td["c"] = h, c
        out = out.squeeze(0)
        log_probs = self.actor(out).log_softmax(-1)
        if action is None:
            index = log_probs.exp().multinomial(1)
            td["values"] = self.critic(out).flatten()
            td["actions"] = index
        else:
            index = self.index_of(action, log_probs)
            td["value"] = self.critic(out).flatten()
            td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        td["act_log_prob"] = log_probs.gather(-1, index)  # expect: PF107
        self.write(td, log_probs)
        return td

    def index_of(self, action, log_probs):
        return log_probs.exp().multinomial(1)

    def write(self, td, log_probs):
        td["full_log_probs"] = log_probs


class Echo(Policy):
    """Samples as its base does."""

    def write(self, td, log_probs):
        td.set("full_log_probs", log_probs)
