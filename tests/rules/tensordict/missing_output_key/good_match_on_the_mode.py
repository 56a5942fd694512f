import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.gru = nn.GRU(64, 64, batch_first=True)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        rows, steps = (td.batch_size[0], 1) if action is None else td.batch_size
        td = td.reshape(rows * steps)
        hidden = self.embed(td["env_obs"].float().flatten(1)).view(rows, steps, -1)
        out = self.gru(hidden)[0].reshape(rows * steps, -1)
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        match action:
            case None:
                index = log_probs.exp().multinomial(1)
                td["actions"] = index.squeeze(-1)
                td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
                td["values"] = self.critic(out).flatten()
                return td
            case taken:
                td["act_log_prob"] = log_probs.gather(-1, taken.reshape(-1, 1)).squeeze(-1)
                td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
                td["value"] = self.critic(out).flatten()
                return td.reshape(rows, steps)
