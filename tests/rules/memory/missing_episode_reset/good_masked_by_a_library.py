import torch
import torch.nn as nn
from somewhere import episode_mask
from tensordict import TensorDict

class Forager(nn.Module):
    def __init__(self, env, done_key="ended", in_key="logits"):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self.done_key, self.in_key = done_key, in_key
        self._state = None

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        state = self._state
        if state is not None:
            keep = episode_mask(td[self.done_key])
            state = (state[0] * keep, state[1] * keep)
        hidden = self.embed(rows).unsqueeze(0)
        out, (h, c) = self.lstm(hidden, state)
        self._state = (h.detach(), c.detach())
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td

    def reset_memory(self):
        """The trainer calls it before a rollout; episodes end inside one."""
        self._state = None
