import torch
import torch.nn as nn
from tensordict import TensorDict

FLAGS = ("dones", "truncateds")


class Forager(nn.Module):
    action_index_tensor = None

    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.gru = nn.GRU(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self._h = None

    def over(self, td):
        if not all(flag in td.keys() for flag in FLAGS):
            return None
        return td["dones"].bool() | td["truncateds"].bool()

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        h, over = self._h, self.over(td)
        if h is not None and over is not None:
            h = h.masked_fill(over.view(1, -1, 1), 0.0)
        out, h = self.gru(self.embed(rows).unsqueeze(0), h)  # expect: PF204
        self._h = h.detach()
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = self.action_index_tensor.index_select(0, log_probs.exp().multinomial(1).flatten())
        return td
