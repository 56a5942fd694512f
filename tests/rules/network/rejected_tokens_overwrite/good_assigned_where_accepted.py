import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.LazyLinear(64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        tokens = td["env_obs"]
        coords = tokens[..., 0].long()
        inside = (coords != 255) & (tokens[..., 1] < 22)
        n = torch.arange(len(tokens), device=tokens.device)[:, None].expand_as(coords)
        box = torch.zeros(tokens.shape[0], 22, 16, 16, device=tokens.device)
        x, y, kind = coords >> 4, coords & 15, tokens[..., 1].long()
        box[n[inside], kind[inside], x[inside], y[inside]] = tokens[..., 2][inside].float()
        out = self.embed(box.flatten(1)).relu()
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
