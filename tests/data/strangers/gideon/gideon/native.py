"""The same by hand, where a graph is too slow or too stiff."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from .lib.base import Call
from .lib.layers import LSTM


def orthogonal(layer, gain=1.0):
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer


class Native(nn.Module):
    """Subclasses say `encode` and `decode`, and bring `core`: a component, or the like."""

    def __init__(self, env, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        norms = torch.ones(256)
        for feature, norm in env.feature_normalizations.items():
            norms[feature] = norm or 1.0
        self.register_buffer("norms", norms, persistent=False)

    def forward(self, td, state=None, action=None):
        training = action is not None
        batch, steps = td.batch_size if training else (td.batch_size[0], 1)
        if training:
            td = td.reshape(batch * steps)
        for key, number in (("bptt", steps), ("batch", batch)):
            td[key] = torch.full(td.batch_size, number, dtype=torch.int64, device=td["env_obs"].device)
        hidden = self.core(Call(td, batch, steps, training), self.encode(td["env_obs"]))
        logits, value = self.decode(hidden)
        log_probs = F.log_softmax(logits, dim=-1)
        td["full_log_probs"] = log_probs
        if not training:
            index = torch.multinomial(log_probs.exp(), 1)
            td["act_log_prob"] = log_probs.gather(1, index).squeeze(1)
            td["actions"] = self._convert_logit_index_to_action(index.squeeze(1)).int()
            td["values"] = value
            return td
        index = self._convert_action_to_logit_index(action.reshape(batch * steps, 2))
        td["act_log_prob"] = log_probs.gather(1, index[:, None]).squeeze(1)
        td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        td["value"] = value
        return td.reshape(batch, steps)

    def _convert_action_to_logit_index(self, action):
        kind, argument = action.long().T
        return kind + self.cum_action_max_params[kind] + argument

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index]

    def has_memory(self):
        return True

    def get_memory(self):
        return self.core.kept.clone()

    def set_memory(self, memory):
        self.core.kept.copy_(memory)

    def reset_memory(self):
        self.core.kept.zero_()

    def clip_weights(self):
        if self.clip_range > 0:
            for layer in filter(lambda m: isinstance(m, nn.Linear), self.modules()):
                layer.weight.data.clamp_(-self.clip_range, self.clip_range)


class Steady(Native):
    """A set of tokens, a core of any depth, scored embeddings."""

    def __init__(self, env, hidden_size=128, num_layers=2, num_actions=100, **options):
        super().__init__(env, **options)
        self.tokens = nn.Embedding(65536, 16)
        self.lift = orthogonal(nn.Linear(17, hidden_size))
        self.core = LSTM(name="_core_", env=env, hidden_size=hidden_size, num_layers=num_layers)
        self.core.setup((hidden_size,))
        self.query = orthogonal(nn.Linear(hidden_size, 16))
        embeddings = nn.init.orthogonal_(torch.empty(num_actions, 16))
        self.action_embeddings = nn.Parameter(embeddings.mul_(0.1 / embeddings.abs().max()))
        self.critic = nn.Sequential(orthogonal(nn.Linear(hidden_size, 128)), nn.Tanh(), orthogonal(nn.Linear(128, 1)))
        self.num_actions = num_actions

    def activate_action_embeddings(self, names, device):
        self.num_actions = len(names)

    def encode(self, observations):
        where, what, much = observations.long().unbind(-1)
        real = (where != 255).unsqueeze(-1)
        x = torch.cat([self.tokens(where * 256 + what), (much / self.norms[what]).unsqueeze(-1)], dim=-1)
        return (F.relu(self.lift(x)) * real).amax(dim=1)

    def decode(self, hidden):
        scores = torch.tanh(self.query(hidden)) @ self.action_embeddings[: self.num_actions].T
        return scores, self.critic(hidden).squeeze(1)


class Plain(Steady):
    """Bounds everything that is a matrix, not only linear layers."""

    def __init__(self, env, hidden_size=128, clip_range=0.0, **options):
        super().__init__(env, hidden_size, **options)
        self.bound = clip_range

    def clip_weights(self):
        limit = self.clip_range
        if limit > 0:
            with torch.no_grad():
                for weight in self.parameters():
                    if weight.dim() > 1:
                        weight.clamp_(-limit, limit)


class Fast(Native):
    """What `fast.yaml` describes, without the graph."""

    def __init__(self, env, hidden_size=128, num_actions=100, **options):
        super().__init__(env, **options)
        self.size = (max(env.feature_normalizations) + 1, env.obs_width, env.obs_height)
        self.cnn1 = nn.Conv2d(self.size[0], 64, 5, 3)
        self.cnn2 = nn.Conv2d(64, 64, 3, 1)
        self.fc1 = orthogonal(nn.Linear(64 * ((env.obs_width - 5) // 3 - 1) * ((env.obs_height - 5) // 3 - 1), hidden_size))
        self.core = LSTM(name="_core_", env=env, hidden_size=hidden_size, num_layers=1)
        self.core.setup((hidden_size,))
        self.action_embeddings = nn.Embedding(num_actions, 16)
        self.actor_1 = orthogonal(nn.Linear(hidden_size, 512))
        self.actor_head = orthogonal(nn.Linear(512 + 16, sum(most + 1 for most in env.max_action_args)), 0.01)
        self.critic_1 = orthogonal(nn.Linear(hidden_size, 1024), 2**0.5)
        self.value_head = orthogonal(nn.Linear(1024, 1))

    def activate_action_embeddings(self, names, device):
        if len(names) > self.action_embeddings.num_embeddings:
            raise IndexError(f"{len(names)} actions")

    def encode(self, observations):
        layers, across, down = self.size
        where, what, much = observations.long().unbind(-1)
        x, y = where >> 4, where & 15
        inside = (where != 255) & (what < layers) & (x < across) & (y < down)
        cells = layers * across * down
        place = torch.where(inside, (what * across + x) * down + y, cells)
        box = torch.zeros(len(observations), cells + 1, device=observations.device)
        box.scatter_(1, place, much / self.norms[what])
        x = F.relu(self.cnn2(F.relu(self.cnn1(box[:, :-1].view(-1, *self.size)))))
        return F.relu(self.fc1(x.flatten(1)))

    def decode(self, hidden):
        known = self.action_embeddings.weight.mean(dim=0).expand(hidden.shape[0], -1)
        features = torch.cat([F.relu(self.actor_1(hidden)), known], dim=-1)
        return self.actor_head(features), self.value_head(torch.tanh(self.critic_1(hidden))).squeeze(-1)
