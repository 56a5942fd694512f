import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.width, self.height = env.obs_width, env.obs_height
        self.layers = max(env.feature_normalizations) + 1
        self.embed = nn.LazyLinear(64)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        tokens = td["env_obs"]
        glances = td["second_obs"]
        rows = torch.arange(glances.shape[0]).unsqueeze(-1).expand(glances.shape[:2])
        coords, values = glances[..., 0], glances[..., 2].float()
        x, y, kind = (coords >> 4).long(), (coords & 0x0F).long(), glances[..., 1].long()
        inside = (coords != 255) & (x < 11) & (y < 11) & (kind < 22)
        box = torch.zeros(glances.shape[0], 22, 11, 11)
        box[rows[inside], kind[inside], x[inside], y[inside]] = values[inside]
        box = box.flatten(1) + tokens.flatten(1)[:, :1].float()
        out = self.embed(box.flatten(1)).relu()
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
