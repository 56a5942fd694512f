"""Crake: the agent of the first runs, kept so that they can be compared with."""

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import nn

from .boxes import normaliser, tokens_to_box
from .heads import BilinearHead, JointActions, orthogonal, orthogonal_core


class Crake(JointActions, nn.Module):
    def __init__(self, env, hidden_size: int = 128, num_layers: int = 2):
        super().__init__()
        self.hidden_size = hidden_size
        scale = normaliser(env)
        self.register_buffer("scale", scale)
        self.box = (scale.shape[1], env.obs_width, env.obs_height)
        self.cnn = orthogonal(nn.Conv2d(scale.shape[1], 32, 3, stride=2))
        with torch.no_grad():
            flat = self.cnn(torch.zeros(1, *self.box)).numel()
        self.fc = orthogonal(nn.Linear(flat, hidden_size))
        self.lstm = orthogonal_core(nn.LSTM(hidden_size, hidden_size, num_layers=1))
        self.value_head = orthogonal(nn.Linear(hidden_size, 1))
        self.actor = BilinearHead(hidden_size)
        self.memory = None

    def activate_action_embeddings(self, full_action_names, device):
        self.actor.activate_action_embeddings(full_action_names, device)

    def has_memory(self):
        return True

    def get_memory(self):
        return None if self.memory is None else tuple(s.clone() for s in self.memory)

    def set_memory(self, memory):
        self.memory = memory

    def reset_memory(self):
        self.memory = None

    def __getstate__(self):
        state = self.__dict__.copy()
        state["memory"] = None
        return state

    def encode(self, tokens):
        x = F.relu(self.cnn(tokens_to_box(tokens, *self.box) / self.scale))
        return F.relu(self.fc(x.flatten(1)))

    def remembered(self, td):
        if self.memory is None:
            return None
        h, c = self.memory
        for flag in ("dones", "truncateds"):
            if flag in td.keys():
                alive = 1.0 - td[flag].float().view(1, -1, 1)
                h, c = h * alive, c * alive
        return h, c

    def forward(self, td: TensorDict, state=None, action=None):
        if action is not None:
            B, T = td.batch_size
            td = td.reshape(B * T)
        else:
            B, T = td.batch_size[0], 1
        obs = td["env_obs"]
        td.set("bptt", torch.full((B * T,), T, device=obs.device, dtype=torch.long))
        td.set("batch", torch.full((B * T,), B, device=obs.device, dtype=torch.long))

        hidden = self.encode(obs).view(B, T, -1).transpose(0, 1)
        hidden, self.memory = self.lstm(hidden, self.remembered(td))
        hidden = hidden.transpose(0, 1).reshape(B * T, -1)

        logits, value = self.actor(hidden), self.value_head(hidden)
        if action is None:
            return self.sample(td, logits, value)
        return self.evaluate(td, logits, value, action).reshape(B, T)
