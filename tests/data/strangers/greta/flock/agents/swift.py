"""Small and quick: two convolutions over the box."""

import torch
import torch.nn.functional as F
from torch import nn

from .base import FlockAgent
from .boxes import normaliser, tokens_to_box
from .heads import BilinearHead, orthogonal


class Swift(FlockAgent):
    channels = 64

    def build(self, env) -> None:
        scale = normaliser(env)
        self.register_buffer("scale", scale)
        self.box = (scale.shape[1], env.obs_width, env.obs_height)
        self.cnn1 = orthogonal(nn.Conv2d(scale.shape[1], self.channels, 5, stride=3))
        self.cnn2 = orthogonal(nn.Conv2d(self.channels, self.channels, 3))
        with torch.no_grad():
            flat = self.cnn2(self.cnn1(torch.zeros(1, *self.box))).numel()
        self.fc1 = orthogonal(nn.Linear(flat, self.hidden_size))
        self.fc2 = orthogonal(nn.Linear(self.hidden_size, self.hidden_size))
        self.critic = nn.Sequential(
            orthogonal(nn.Linear(self.hidden_size, 1024), 2**0.5),
            nn.Tanh(),
            orthogonal(nn.Linear(1024, 1)),
        )
        self.actor = BilinearHead(self.hidden_size)

    def activate_action_embeddings(self, full_action_names, device) -> None:
        self.actor.activate_action_embeddings(full_action_names, device)

    def encode(self, tokens):
        box = tokens_to_box(tokens, *self.box) / self.scale
        x = F.relu(self.cnn1(box))
        x = F.relu(self.cnn2(x))
        x = F.relu(self.fc1(x.flatten(1)))
        return F.relu(self.fc2(x))

    def decode(self, features):
        return self.actor(features), self.critic(features)
