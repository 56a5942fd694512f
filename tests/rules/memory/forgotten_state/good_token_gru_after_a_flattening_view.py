import torch
import torch.nn as nn
from tensordict import TensorDict

class Reader(nn.Module):
    """Rows are flattened before the GRU runs over their tokens: the time axis is the tokens'."""

    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(3, 64)
        self.gru = nn.GRU(64, 64, batch_first=True)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        tokens = td["env_obs"].view(-1, 200, 3).float()
        _, last = self.gru(self.embed(tokens))
        out = last.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
