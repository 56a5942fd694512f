import torch
import torch.nn as nn
from tensordict import TensorDict

class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self._state = None

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        hidden = self.embed(rows).unsqueeze(0)
        before = self._before(td)
        out, (h, c) = self.lstm(hidden, before)
        self._state = (h.detach(), c.detach())
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td

    def _ended(self, td):
        """True where an episode begins, whichever flags there are."""
        ended = torch.zeros(td.batch_size[0], dtype=torch.bool)
        for key in ("dones", "truncateds"):
            if key in td.keys():
                ended = ended | td[key].bool()
        return ended

    def _before(self, td):
        if self._state is None:
            return None
        keep = (~self._ended(td)).view(1, -1, 1)
        return tuple(s * keep for s in self._state)
