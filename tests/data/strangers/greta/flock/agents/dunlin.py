"""Feed-forward, for ablations: no core, no memory."""

from tensordict import TensorDict
from torch import nn

from .boxes import normaliser
from .heads import BilinearHead, JointActions, Regularised, orthogonal


class Dunlin(JointActions, Regularised, nn.Module):
    def __init__(self, env, clip_range=0.0, analyze_weights_interval=300, width=256, **kwargs):
        super().__init__()
        for key in kwargs:
            raise ValueError(f"unknown option {key}")
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.register_buffer("scale", normaliser(env).flatten())
        tokens, _ = env.single_observation_space.shape
        self.encoder = nn.Sequential(
            orthogonal(nn.Linear(tokens * 3, width)),
            nn.LayerNorm(width),
            nn.ReLU(),
            orthogonal(nn.Linear(width, width)),
            nn.ReLU(),
        )
        self.value_head = orthogonal(nn.Linear(width, 1))
        self.actor = BilinearHead(width)
        self.remember_weights()

    def has_memory(self):
        return False

    def reset_memory(self):
        pass

    def activate_action_embeddings(self, full_action_names, device):
        self.actor.activate_action_embeddings(full_action_names, device)

    def encode(self, observations):
        tokens = observations.float()  # a copy of the bytes
        padding = tokens[..., 0] == 255
        kind = observations[..., 1].long().clamp(max=self.scale.numel() - 1)
        tokens[..., 2] = tokens[..., 2] / self.scale[kind]
        tokens[..., :2] /= 255.0
        tokens[padding] = 0.0
        return self.encoder(tokens.flatten(1))

    def forward(self, td: TensorDict, state=None, action=None):
        if action is None:
            features = self.encode(td["env_obs"])
            return self.sample(td, self.actor(features), self.value_head(features))

        B, T = td.batch_size
        td = td.reshape(B * T)
        features = self.encode(td["env_obs"])
        td = self.evaluate(td, self.actor(features), self.value_head(features), action)
        return td.reshape(B, T)
