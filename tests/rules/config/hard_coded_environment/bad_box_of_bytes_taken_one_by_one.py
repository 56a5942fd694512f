import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    def __init__(self, env, tokens=200):
        super().__init__()
        self.tokens = env.single_observation_space.shape[0]
        self.embed = nn.LazyLinear(64)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        tokens = td["env_obs"]
        at, kind, amount = (part.long() for part in tokens.unbind(-1))
        x, y = at >> 4, at & 15
        ok = (x < 11) & (y < 11) & (kind < 22)
        rows = torch.arange(tokens.shape[0], device=tokens.device)[:, None].expand_as(at)
        box = torch.zeros(tokens.shape[0], 22, 11, 11, device=tokens.device)
        box[rows[ok], kind[ok], x[ok], y[ok]] = amount[ok].float()  # expect: PF405
        live = box.flatten(1)
        out = self.embed((tokens * live.unsqueeze(-1)).flatten(1)).relu()
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
