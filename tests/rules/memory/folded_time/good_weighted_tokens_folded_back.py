import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    def __init__(self, env, hidden_size=64):
        super().__init__()
        self.embed = nn.Linear(3, 64)
        self.weigh = nn.Linear(6, 1)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self.state = None

    def forward(self, td: TensorDict, state=None, action=None):
        steps = 1
        if action is not None:
            rows, steps = td.batch_size
            td = td.reshape(rows * steps)
        td["bptt"] = torch.full(td.batch_size, steps)
        td["batch"] = torch.full(td.batch_size, td.batch_size[0] // steps)
        tokens = td["env_obs"]
        seen = torch.stack([tokens[..., 0] >> 4, tokens[..., 0] & 15, tokens[..., 2]], dim=-1).float()
        weights = self.weigh(torch.cat([seen, seen.sin()], dim=-1)).squeeze(-1).softmax(-1)
        hidden = self.embed((weights.unsqueeze(-1) * seen).sum(1))
        out, (h, c) = self.lstm(hidden.view(-1, steps, 64).transpose(0, 1), self.state if action is None else None)
        self.state = (h.detach(), c.detach())
        out = out.transpose(0, 1).flatten(0, 1)
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        if action is None:
            td["actions"] = log_probs.exp().multinomial(1)
            td["act_log_prob"] = log_probs.gather(1, td["actions"]).flatten()
            td["values"] = self.critic(out).flatten()
            return td
        td["act_log_prob"] = log_probs.gather(1, action.reshape(-1, 1)).flatten()
        td["entropy"] = -(log_probs * log_probs.exp()).sum(-1)
        td["value"] = self.critic(out).flatten()
        return td.reshape(rows, steps)
