"""A GRU with per-dimension mixing, after the notebook."""

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import nn

from .heads import Regularised, orthogonal, orthogonal_core


class Knot(Regularised, nn.Module):
    def __init__(self, env, hidden_size=128, num_actions=19, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.layers = max(env.feature_normalizations) + 1
        self.width, self.height = env.obs_width, env.obs_height
        self.embed_box = orthogonal(nn.Linear(self.layers * self.width * self.height, hidden_size))
        self.gru = orthogonal_core(nn.GRU(hidden_size, hidden_size, num_layers=2, batch_first=True))
        self.action_embeddings = nn.Embedding(100, 16)
        nn.init.orthogonal_(self.action_embeddings.weight)
        with torch.no_grad():
            self.action_embeddings.weight *= 0.1 / self.action_embeddings.weight.abs().max()
        self.mix = orthogonal(nn.Linear(hidden_size + 16, num_actions), 0.01)
        self.value_head = orthogonal(nn.Linear(hidden_size, 1))
        self.action_index_tensor = None
        self.cum_action_max_params = None
        self.remember_weights()

    # no state between calls, nothing to hand out
    def has_memory(self):
        return False

    def get_memory(self):
        return None

    def set_memory(self, memory):
        pass

    def reset_memory(self):
        pass

    def box(self, tokens):
        tokens[tokens == 255] = 0
        where, layer, value = tokens[..., 0], tokens[..., 1].long(), tokens[..., 2].float()
        x, y = (where >> 4).long(), (where & 15).long()
        inside = (where != 255) & (layer < self.layers) & (x < self.width) & (y < self.height)
        box = torch.zeros(tokens.shape[0], self.layers, self.width, self.height, device=tokens.device)
        row = torch.arange(tokens.shape[0], device=tokens.device).unsqueeze(1).expand_as(layer)
        box[row[inside], layer[inside], x[inside], y[inside]] = value[inside]
        return box

    def encode(self, observations):
        tokens = observations.view(-1, *observations.shape[-2:])
        return F.relu(self.embed_box(self.box(tokens).flatten(1) / 255.0))

    def logits(self, features):
        typical = self.action_embeddings.weight.mean(dim=0, keepdim=True)
        return self.mix(torch.cat([features, typical.expand(features.shape[0], -1)], dim=-1))

    def joint_index(self, action):
        offsets = self.cum_action_max_params[action[..., 0].long()]
        return offsets + action[..., 1].long()

    def forward(self, td: TensorDict, state=None, action=None):
        obs = td["env_obs"]
        B = obs.shape[0]
        T = obs.shape[1] if action is not None else 1
        td = td if action is None else td.reshape(B * T)
        td["bptt"] = torch.full((B * T,), T, dtype=torch.int64, device=obs.device)
        td["batch"] = torch.full((B * T,), B, dtype=torch.int64, device=obs.device)

        features, _ = self.gru(self.encode(obs).view(B, T, -1))
        features = features.reshape(B * T, -1)
        log_probs = self.logits(features).log_softmax(dim=-1)
        value = self.value_head(features)
        td["full_log_probs"] = log_probs
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1)
            td["actions"] = self.action_index_tensor[index.squeeze(-1)].to(torch.int32)
            td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
            td["values"] = value.squeeze(-1)
            return td
        index = self.joint_index(action.reshape(B * T, 2)).unsqueeze(-1)
        td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
        td["entropy"] = torch.distributions.Categorical(logits=log_probs).entropy()
        td["value"] = value
        return td.reshape(B, T)
