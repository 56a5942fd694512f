import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(22 * 121, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        tokens = td["env_obs"]
        coords = tokens[..., 0].long()
        inside = (coords != 255) & (tokens[..., 1] < 22)
        cells = torch.where(~inside, 0, tokens[..., 1].long() * 121 + coords)
        box = torch.zeros(tokens.shape[0], 22 * 121, device=tokens.device)
        box.scatter_(1, cells, tokens[..., 2].float() * inside.float())  # expect: PF511
        out = self.embed(box).relu()
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
