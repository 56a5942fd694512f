import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    """A part of the last output stays: within a sequence the next step starts from what was masked, and not again."""

    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.cell = nn.LSTMCell(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self._state = None

    def forward(self, td: TensorDict, state=None, action=None):
        hidden = self.embed(td["env_obs"].float().flatten(1)).unsqueeze(0)
        goes_on = 1.0 - (td["dones"].bool() | td["truncateds"].bool()).float().unsqueeze(-1)
        h, c = self._state if self._state is not None else torch.zeros(2, hidden.shape[1], 64, device=hidden.device)
        h, c = h * goes_on, c * goes_on
        outs = []
        for now in hidden:
            new, c = self.cell(now, (h, c))
            h = 0.9 * new + 0.1 * h
            outs.append(h)
        self._state = (h.detach(), c.detach())
        out = torch.stack(outs)[-1]
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
