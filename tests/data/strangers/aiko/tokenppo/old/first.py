# the very first one. still in use for the baselines table, do not touch!!
import torch
import torch.nn as nn
from tensordict import TensorDict

from tokenppo.common import JointActions


class FirstAgent(nn.Module, JointActions):
    def __init__(self, env, hidden_size=128):
        super().__init__()
        n = sum(m + 1 for m in env.max_action_args)
        self.hidden_size = hidden_size
        self.attr_embed = nn.Embedding(256, 32)
        self.coord_embed = nn.Embedding(256, 32)
        self.fc = nn.Sequential(nn.Linear(65, 256), nn.ReLU(), nn.Linear(256, hidden_size), nn.ReLU())
        self.lstm = nn.LSTM(hidden_size, hidden_size)
        self.actor = nn.Linear(hidden_size, n)
        self.critic = nn.Linear(hidden_size, 1)
        self.lstm_state = None

    def has_memory(self):
        return True

    def get_memory(self):
        return self.lstm_state

    def set_memory(self, memory):
        self.lstm_state = memory

    def reset_memory(self):
        self.lstm_state = None

    def encode(self, obs):
        coords, attrs, values = obs[..., 0], obs[..., 1], obs[..., 2]
        x = torch.cat(
            [self.coord_embed(coords.long()), self.attr_embed(attrs.long()), values[..., None] / 255], -1
        )
        x = self.fc(x) * (coords != 255)[..., None]
        return x.sum(1)

    def forward(self, td: TensorDict, state=None, action=None):
        td_shape = td.batch_size
        B, T = td_shape[0], (td_shape[1] if len(td_shape) == 2 else 1)
        if len(td_shape) == 2:
            td = td.reshape(B * T)

        x = self.encode(td["env_obs"])
        if self.lstm_state is None:
            self.lstm_state = (
                torch.zeros(1, B, self.hidden_size),
                torch.zeros(1, B, self.hidden_size),
            )
        # (B*T, H) -> (T, B, H)
        x = x.view(B, T, -1).permute(1, 0, 2)
        x, self.lstm_state = self.lstm(x, self.lstm_state)
        x = x.permute(1, 0, 2).reshape(B * T, -1)

        logp = self.actor(x).log_softmax(-1)
        td["full_log_probs"] = logp
        if action is None:
            a = torch.distributions.Categorical(logits=logp).sample()
            td["actions"] = self.to_action(a).to(torch.int32)
            td["act_log_prob"] = logp[torch.arange(B, device=logp.device), a]
            td["values"] = self.critic(x).view(-1)
            return td
        a = self.to_index(action.view(B * T, 2))
        td["act_log_prob"] = logp[torch.arange(B * T, device=logp.device), a]
        td["entropy"] = torch.distributions.Categorical(logits=logp).entropy()
        td["value"] = self.critic(x)
        return td.reshape(B, T)
