import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(256, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        tokens = td["env_obs"]
        coords, values = tokens[..., 0].long(), tokens[..., 2].float()
        keep = (coords != 255) & (tokens[..., 1] < 22)
        rows = torch.arange(tokens.shape[0], device=tokens.device).unsqueeze(1).expand_as(coords)
        box = torch.zeros(tokens.shape[0], 256, device=tokens.device)
        box[rows[keep], coords[keep]] = values[keep]
        if box.max() > 1:  # expect: PF507
            box = box / 255
        out = self.embed(box).relu()
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
