"""Swift with a wider encoder, tuned for the sparse maps."""

import torch
import torch.nn.functional as F
from torch import nn

from .base import FlockAgent
from .boxes import normaliser, tokens_to_box
from .heads import BilinearHead, orthogonal


class Rook(FlockAgent):
    channels = 96

    def build(self, env) -> None:
        scale = normaliser(env)
        self.register_buffer("scale", scale)
        self.box = (scale.shape[1], env.obs_width, env.obs_height)
        self.cnn = orthogonal(nn.Conv2d(scale.shape[1], self.channels, 3, stride=2))
        with torch.no_grad():
            flat = self.cnn(torch.zeros(1, *self.box)).numel()
        self.fc1 = orthogonal(nn.Linear(flat, 512))
        self.fc2 = orthogonal(nn.Linear(512, self.hidden_size))
        self.critic = nn.Sequential(
            orthogonal(nn.Linear(self.hidden_size, 512), 2**0.5),
            nn.Tanh(),
            orthogonal(nn.Linear(512, 1)),
        )
        self.actor = BilinearHead(self.hidden_size)

    def activate_action_embeddings(self, full_action_names, device) -> None:
        self.actor.activate_action_embeddings(full_action_names, device)

    def _ended(self, td, rows):
        return td["dones"].bool()

    def encode(self, tokens):
        box = tokens_to_box(tokens, *self.box) / self.scale
        too_large = box > 1.0
        if too_large.any():
            box = box.clamp(max=1.0)
        x = F.relu(self.cnn(box)).flatten(1)
        x = self.fc1(x)
        return F.relu(self.fc2(x))

    def decode(self, features):
        return self.actor(features), self.critic(features)

    def sample(self, td, logits, value):
        log_probs = F.log_softmax(logits, dim=-1)
        index = torch.multinomial(log_probs.exp(), 1)
        td.update(
            {
                "actions": self.action_index_tensor[index.flatten()].int(),
                "act_log_prob": log_probs.gather(1, index).flatten(),
                "value": value.flatten(),
                "full_log_probs": log_probs,
            }
        )
        return td

    @torch.no_grad()
    def clip_weights(self) -> None:
        if self.clip_range > 0:
            for weight in self.parameters():
                weight.clamp(-self.clip_range, self.clip_range)
