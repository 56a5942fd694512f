from abc import ABC, abstractmethod

import torch
from torch import nn
from torchrl.data import Composite, UnboundedDiscrete

from runa.codec import JointActions
from runa.limits import WeightLimits
from runa.memory import GroupMemory


class Skeleton(GroupMemory, JointActions, WeightLimits, nn.Module, ABC):
    """What every policy does, in this order; the steps are methods, to be overridden one at a time."""

    def __init__(self, env, hidden_size=128, num_layers=2, clip_range=0.0, analyze_weights_interval=300):
        nn.Module.__init__(self)
        self.set_limits(clip_range, analyze_weights_interval)
        self.hidden_size, self.num_layers = hidden_size, num_layers
        self.token_shape = tuple(env.single_observation_space.shape)
        self.eye = self.build_eye(env)
        self.core = self.build_core()
        self.start_core()
        self.build_heads(env)
        self.mark_initial_weights()

    # -- building

    @abstractmethod
    def build_eye(self, env): ...

    def build_core(self):
        return nn.LSTM(self.hidden_size, self.hidden_size, self.num_layers)

    def start_core(self):
        for name, parameter in self.core.named_parameters():
            if name.split(".")[-1].startswith("bias"):
                nn.init.constant_(parameter, 1.0)
            else:
                nn.init.orthogonal_(parameter)

    def build_heads(self, env):
        self.critic = nn.Sequential(nn.Linear(self.hidden_size, 512), nn.Tanh(), nn.Linear(512, 1))
        self.actor = nn.Linear(self.hidden_size, 256)
        self.query = nn.Linear(256, 16)
        self.action_embeddings = nn.Embedding(128, 16)
        nn.init.orthogonal_(self.action_embeddings.weight)
        self.action_embeddings.weight.data *= 0.1 / self.action_embeddings.weight.data.abs().max()
        self.bias = nn.Parameter(torch.zeros(1))

    def activate_action_embeddings(self, full_action_names, device):
        self.active = torch.arange(len(full_action_names), device=device)

    def get_agent_experience_spec(self):
        return Composite(env_obs=UnboundedDiscrete(shape=self.token_shape, dtype=torch.uint8))

    # -- the template

    def forward(self, td, state=None, action=None):
        shape = td.batch_size
        flat = self.flatten(td)
        self.stamp(flat, shape)
        hidden = self.recall(flat, self.look(flat["env_obs"]), shape)
        log_probs, value = self.score(hidden), self.critic(hidden).squeeze(-1)
        if action is None:
            self.report_rollout(flat, log_probs, value)
            return td
        self.report_training(flat, log_probs, value, self._convert_action_to_logit_index(action))
        return self.unflatten(flat, shape)

    # -- its steps

    def flatten(self, td):
        return td if len(td.batch_size) == 1 else td.reshape(td.batch_size.numel())

    def unflatten(self, flat, shape):
        return flat.reshape(*shape)

    def stamp(self, flat, shape):
        steps = shape[1] if len(shape) > 1 else 1
        like = {"dtype": torch.int64, "device": flat["env_obs"].device}
        flat["bptt"] = torch.full(flat.batch_size, steps, **like)
        flat["batch"] = torch.full(flat.batch_size, shape[0], **like)

    def look(self, observation):
        return self.eye(observation)

    def recall(self, flat, seen, shape):
        rows, steps = shape[0], seen.shape[0] // shape[0]
        seats = self.seats_of(flat, rows)
        h, c = self.recall_state(seats)
        said = []
        for x, on in zip(seen.view(rows, steps, -1).unbind(1), self.goes_on(flat, rows, steps)):
            out, (h, c) = self.core(x.unsqueeze(0), (h * on, c * on))
            said.append(out.squeeze(0))
        self.keep_state(seats, h, c)
        return torch.stack(said, dim=1).flatten(0, 1)

    def score(self, hidden):
        query = torch.tanh(self.query(torch.relu(self.actor(hidden))))
        logits = torch.einsum("ne,ae->na", query, self.action_embeddings(self.active)) + self.bias
        return torch.log_softmax(logits, dim=-1)

    def report_rollout(self, flat, log_probs, value):
        index = torch.multinomial(log_probs.exp(), num_samples=1)
        flat["actions"] = self._convert_logit_index_to_action(index.view(-1)).int()
        flat["act_log_prob"] = log_probs.gather(-1, index).view(-1)
        flat["values"] = value
        flat["full_log_probs"] = log_probs

    def report_training(self, flat, log_probs, value, index):
        flat["act_log_prob"] = log_probs.gather(-1, index.view(-1, 1)).view(-1)
        flat["entropy"] = torch.sum(-log_probs * log_probs.exp(), dim=-1)
        flat["value"] = value
        flat["full_log_probs"] = log_probs
