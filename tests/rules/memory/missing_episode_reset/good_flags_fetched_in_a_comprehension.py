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

    def recall(self, td):
        state = self._state
        if state is None:
            return None
        ended = [td.get(flag).bool() for flag in ("dones", "truncateds") if flag in td.keys()]
        for flags in ended:
            state = tuple(part.masked_fill(flags.view(1, -1, 1), 0.0) for part in state)
        return state

    def forward(self, td: TensorDict, state=None, action=None):
        hidden = self.embed(td["env_obs"].float().flatten(1)).unsqueeze(0)
        out, (h, c) = self.lstm(hidden, self.recall(td))
        self._state = (h.detach(), c.detach())
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
