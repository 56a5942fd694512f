import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.query = nn.Linear(64, 16)
        self.table = nn.Parameter(nn.init.orthogonal_(torch.empty(100, 16)) * 0.1)
        with torch.no_grad():
            self.table /= self.table.abs().max() * 10.0
        self.critic = nn.Linear(64, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        out = self.embed(td["env_obs"].float().flatten(1)).relu()
        rows = self.table[: self.action_index_tensor.shape[0]]
        scores = self.query(out) @ rows.T
        squashed = scores.tanh()  # expect: PF508
        td["values"] = self.critic(out).flatten()
        log_probs = squashed.log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
