import torch
import torch.nn as nn
from tensordict import TensorDict

class Reader(nn.Module):
    """A cell that is run over the tokens of one observation."""

    def __init__(self, env):
        super().__init__()
        self.cell = nn.GRUCell(3, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        tokens = td["env_obs"].float()
        h = tokens.new_zeros(tokens.shape[0], 64)
        for token in tokens.unbind(1):
            h = self.cell(token, h)
        out = h
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
