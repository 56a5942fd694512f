"""Agents with a state of their own."""

import copy

import torch
from torch import nn

from ..traits import Choosing, Clipping, core, mark


class Alone(Choosing, Clipping, nn.Module):
    def __init__(self, env, hidden_size=128, num_layers=2, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.token = nn.Embedding(65536, 32)
        self.lift = nn.Linear(33, 128)
        self.core = core(128, hidden_size, num_layers)
        self.actor = nn.Sequential(nn.Linear(hidden_size, 256), nn.ReLU())
        self.logits = nn.Linear(256, sum(most + 1 for most in env.max_action_args))
        self.critic = nn.Sequential(nn.Linear(hidden_size, 128), nn.Tanh(), nn.Linear(128, 1))

    def activate_action_embeddings(self, names, device):
        if len(names) != self.logits.out_features:
            raise ValueError(f"{len(names)} actions for {self.logits.out_features} logits")

    def encode(self, observations):
        spots, kinds, amounts = observations.long().unbind(-1)
        live = (spots != 255).unsqueeze(-1)
        x = torch.cat([self.token(spots * 256 + kinds), amounts.float().log1p().unsqueeze(-1)], dim=-1)
        return torch.relu(self.lift(x)).mul(live).sum(1)

    def decide(self, x):
        return self.logits(self.actor(x)).log_softmax(-1), self.critic(x).squeeze(-1)

    def has_memory(self):
        return True

    def score(self, td, action):
        batch, steps = td.batch_size
        flat = mark(td.reshape(batch * steps), batch, steps)
        x, _ = self.core(self.encode(flat["env_obs"]).view(batch, steps, -1).transpose(0, 1))
        log_probs, value = self.decide(x.transpose(0, 1).reshape(batch * steps, -1))
        index = self._convert_action_to_logit_index(action)
        flat["act_log_prob"] = log_probs.gather(-1, index[:, None]).squeeze(-1)
        flat["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        flat["value"] = value
        flat["full_log_probs"] = log_probs
        return flat.reshape(batch, steps)

    def choose(self, td, x):
        log_probs, td["values"] = self.decide(x)
        index = torch.multinomial(log_probs.exp(), 1)
        td["actions"] = self._convert_logit_index_to_action(index)
        td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
        td["full_log_probs"] = log_probs
        return td


class Bale(Alone):
    def __init__(self, env, **options):
        super().__init__(env, **options)
        self.hx = None

    def get_memory(self):
        return self.hx and tuple(part.detach().clone() for part in self.hx)

    def set_memory(self, memory):
        self.hx = memory and tuple(part.clone() for part in memory)

    def reset_memory(self):
        self.hx = None

    def forward(self, td, state=None, action=None):
        if action is not None:
            return self.score(td, action)
        rows, device = td.batch_size[0], td["env_obs"].device
        mark(td, rows, 1)
        if self.hx is None or self.hx[0].shape[1] != rows:
            self.hx = tuple(torch.zeros(self.core.num_layers, rows, self.core.hidden_size, device=device) for _ in "hc")
        h, c = self.hx
        for flag in ("dones", "truncateds"):
            if flag in td.keys():
                goes_on = (td[flag] == 0).view(1, rows, 1)
                h, c = h * goes_on, c * goes_on
        x, self.hx = self.core(self.encode(td["env_obs"]).unsqueeze(0), (h, c))
        return self.choose(td, x.squeeze(0))


class Stook(Alone):
    def __init__(self, env, **options):
        super().__init__(env, **options)
        self.stacks = {}

    def __getstate__(self):
        return {**self.__dict__, "stacks": {}}

    def get_memory(self):
        return copy.deepcopy(self.stacks)

    def set_memory(self, memory):
        self.stacks = copy.deepcopy(memory)

    def reset_memory(self):
        self.stacks = {}

    def stack(self, group, rows):
        if group in self.stacks:
            return self.stacks[group]
        return torch.zeros(2, self.core.num_layers, rows, self.core.hidden_size)

    def forward(self, td, state=None, action=None):
        if action is not None:
            return self.score(td, action)
        rows = td.batch_size[0]
        mark(td, rows, 1)
        group = int(td["training_env_id_start"][0])
        states = self.stack(group, rows)
        for flag in ("dones", "truncateds"):
            if flag in td.keys():
                states = states.masked_fill(td[flag].bool().view(1, 1, rows, 1), 0.0)
        x, after = self.core(self.encode(td["env_obs"]).unsqueeze(0), (states[0], states[1]))
        self.stacks[group] = torch.stack(after).detach()
        return self.choose(td, x.squeeze(0))
