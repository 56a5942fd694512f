from einops import rearrange
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

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        hidden = self.embed(rows)
        batch, steps = (td.batch_size[0], 1) if action is None else td.batch_size[:2]
        hidden = rearrange(hidden, "(b t) d -> t b d", b=batch, t=steps)
        out, _ = self.lstm(hidden)  # expect: PF205
        out = rearrange(out, "t b d -> (b t) d").unsqueeze(0)
        out = out.relu()
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
