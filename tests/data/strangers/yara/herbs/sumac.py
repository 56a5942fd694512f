"""One forward for both modes, compiled. Window of the last eight logits for the dashboard."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import nn

from .common import ClipMixin, ConfigMixin, HeadMixin, MemoryMixin


class Sumac(ConfigMixin, ClipMixin, MemoryMixin, HeadMixin, nn.Module):
    def __init__(self, env, hidden: int = 128, num_layers: int = 2, **kwargs):
        super().__init__(**kwargs)
        self.project = nn.Linear(600, hidden)
        self.mix = nn.Linear(hidden, hidden)
        self.lstm = nn.LSTM(hidden, hidden, 1)
        for name, weight in self.lstm.named_parameters():
            nn.init.orthogonal_(weight) if weight.ndim == 2 else nn.init.constant_(weight, 1)
        self.actor = nn.Linear(hidden, sum(m + 1 for m in env.max_action_args))
        self.critic = nn.Linear(hidden, 1)
        self.weight_of_type = torch.linspace(0.5, 1.0, 600)
        self.register_buffer("state", torch.zeros(2, 1, 1, hidden), persistent=False)

    def clip_weights(self):
        """Clips to the range of the config."""

    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        obs = td["env_obs"]
        obs[obs == 255] = 0
        b = td.batch_size[0]
        t = td.batch_size[1] if td.batch_dims == 2 else 1
        td["bptt"] = torch.full((b * t,), t, dtype=torch.long, device=obs.device)
        td["batch"] = torch.full((b * t,), b, dtype=torch.long, device=obs.device)
        td = td.reshape(b * t)
        x = td["env_obs"].flatten(1).float() / 255 * self.weight_of_type
        x = torch.relu(self.mix(self.project(x)))
        x = x.view(b, t, -1).transpose(0, 1)
        if action is None:
            h, c = self.state[0], self.state[1]
            over = td["truncateds"].bool() | td["dones"].bool()
            h, c = (s.expand(-1, b, -1) * ~over.view(1, b, 1) for s in (h, c))
            y, (h, c) = self.lstm(x, (h.contiguous(), c.contiguous()))
            self.state = torch.stack([h, c])
        else:
            y, _ = self.lstm(x)
        y = y.transpose(0, 1).reshape(b * t, -1)
        log_probs = F.log_softmax(self.actor(y), -1)
        if action is None:
            index, log_prob = self.choose(log_probs)
            td["actions"] = self.action_index_tensor[index].int()
            td["act_log_prob"] = log_prob
            td["values"] = self.critic(y)[:, 0]
            td["full_log_probs"] = log_probs
            print("max", log_probs.max().cpu())
            return td
        index, log_prob = self.choose(log_probs)
        td["act_log_prob"] = log_prob
        td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        td["value"] = self.critic(y)
        td["full_log_probs"] = log_probs
        return td.reshape(b, t)
