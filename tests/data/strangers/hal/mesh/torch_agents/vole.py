"""Vole: one file, a dict of states by environment group."""

import torch
import torch.nn.functional as F
from torch import nn


class Vole(nn.Module):
    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.hidden_size = hidden_size
        tokens, features = env.single_observation_space.shape
        self.embed = nn.Linear(tokens * features, hidden_size)
        self.lstm = nn.LSTM(hidden_size, hidden_size, num_layers=2)
        for weights in self.lstm.all_weights:
            for weight in weights:
                nn.init.orthogonal_(weight) if weight.dim() == 2 else nn.init.ones_(weight)
        self.actor = nn.Linear(hidden_size, sum(n + 1 for n in env.max_action_args))
        self.critic = nn.Linear(hidden_size, 1)
        self.states = {}
        self.action_index_tensor = None
        self.cum_action_max_params = None

    def has_memory(self):
        return True

    def get_memory(self):
        return self.states

    def set_memory(self, memory):
        self.states = dict(memory)

    def reset_memory(self):
        self.states.clear()

    @torch.no_grad()
    def clip_weights(self):
        if self.clip_range > 0:
            for layer in (self.embed, self.actor, self.critic):
                layer.weight.clamp_(-self.clip_range, self.clip_range)

    def recall(self, group, td, rows):
        if group not in self.states:
            shape = (2, self.lstm.num_layers, rows, self.hidden_size)
            return torch.zeros(shape, device=td["env_obs"].device).unbind(0)
        over = torch.maximum(td["dones"], td["truncateds"]).bool().view(1, rows, 1)
        return tuple(s.masked_fill(over, 0) for s in self.states[group])

    def forward(self, td, state=None, action=None):
        if action is not None:
            B, T = td.batch_size
            td = td.reshape(B * T)
            x = F.relu(self.embed(td["env_obs"].flatten(1) / 255.0))
            x, _ = self.lstm(x.view(B, T, -1).transpose(0, 1))
            x = x.transpose(0, 1).reshape(B * T, -1)
        else:
            B = td.batch_size[0]
            x = F.relu(self.embed(td["env_obs"].flatten(1) / 255.0))
            group = int(td["training_env_id_start"][0])
            x, (h, c) = self.lstm(x.unsqueeze(0), self.recall(group, td, B))
            self.states[group] = (h.detach(), c.detach())
            x = x.squeeze(0)

        log_probs = F.log_softmax(self.actor(x), dim=-1)
        value = self.critic(x)
        if action is None:
            index = torch.distributions.Categorical(logits=log_probs).sample()
            td["actions"] = self.action_index_tensor[index].int()
            td["act_log_prob"] = log_probs.gather(-1, index[:, None]).squeeze(-1)
            td["values"] = value.squeeze(-1)
            td["full_log_probs"] = log_probs
            return td

        kind, arg = action.reshape(-1, 2).long().T
        index = kind + self.cum_action_max_params[kind] + arg
        td["act_log_prob"] = log_probs.gather(-1, index[:, None]).squeeze(-1)
        td["entropy"] = -(log_probs * log_probs.exp()).sum(-1)
        td["value"] = value
        td["full_log_probs"] = log_probs
        return td.reshape(B, T)
