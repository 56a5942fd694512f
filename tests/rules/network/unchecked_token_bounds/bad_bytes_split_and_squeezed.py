import torch
import torch.nn as nn
from tensordict import TensorDict


def place(tokens, layers, width, height):
    coords, kind, values = (byte.squeeze(-1) for byte in tokens.split(1, dim=-1))
    box = torch.zeros(tokens.shape[0], layers * width * height)
    flat = kind.long() * width * height + (coords >> 4).long() * height + (coords & 15).long()
    return box.scatter_(1, flat * (coords != 255), values.float())  # expect: PF502


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
        rows = torch.arange(tokens.shape[0]).unsqueeze(-1).expand(tokens.shape[:2])
        coords, values = tokens[..., 0], tokens[..., 2].float()
        x, y, kind = (coords >> 4).long(), (coords & 0x0F).long(), tokens[..., 1].long()
        box = place(tokens, self.layers, self.width, self.height)
        out = self.embed(box.flatten(1)).relu()
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
