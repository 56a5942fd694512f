import torch
import torch.nn as nn
from einops import rearrange
from somewhere import traced
from tensordict import TensorDict


@traced
def sample(logits: torch.Tensor) -> torch.Tensor:
    return torch.multinomial(torch.softmax(logits, -1), 1)


class Forager(nn.Module):
    def __init__(self, env, in_key="latent", out_key="logits"):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self.in_key, self.out_key = in_key, out_key
        self._states = {}

    def forward(self, td: TensorDict, state=None, action=None):
        td[self.in_key] = self.embed(td["env_obs"].float().flatten(1))
        hidden = rearrange(td[self.in_key], "(b t) h -> t b h", t=1)
        out, (h, c) = self.lstm(hidden, self._states.get(0))
        self._states[0] = (h.detach(), c.detach())
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        logits = td[self.out_key] = self.actor(out)
        td["full_log_probs"] = logits.log_softmax(-1)
        td["actions"] = sample(td[self.out_key])
        return td

    def reset_memory(self):
        """The trainer calls it before a rollout; episodes end inside one."""
        self._states.clear()
