"""An agent that walks the grid, sees the tokens around it and looks for food."""

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import nn

from .wrapper import LSTMWrapper


class Forager(LSTMWrapper):
    """Picks one joint action a step; what it has seen before should guide it."""

    def __init__(self, env, policy=None, input_size=64, hidden_size=64):
        if policy is None:
            policy = ForagerNet(env, input_size=input_size, hidden_size=hidden_size)
        super().__init__(env, policy, input_size, hidden_size)

    def forward(self, td: TensorDict, state=None, action=None):
        observations = td["env_obs"]
        B = observations.shape[0]
        TT = observations.shape[1] if observations.dim() == 4 else 1

        hidden = self.policy.encode_observations(observations, state)

        lstm_state = None
        if state is not None and state.get("lstm_h") is not None:
            lstm_state = (state["lstm_h"], state["lstm_c"])

        hidden = hidden.view(B, TT, -1).transpose(0, 1)  # time first, as nn.LSTM wants it
        lstm_output, (new_h, new_c) = self.lstm(hidden, lstm_state)
        hidden = lstm_output.transpose(0, 1).reshape(B * TT, -1)

        logits, value = self.policy.decode_actions(hidden)
        log_probs = F.log_softmax(logits, dim=-1)

        if action is None:
            # Rollout: sample what to do next.
            sampled = torch.multinomial(log_probs.exp(), num_samples=1).squeeze(-1)
            td["actions"] = self._convert_logit_index_to_action(sampled).to(torch.int32)
            td["act_log_prob"] = log_probs.gather(-1, sampled.unsqueeze(-1)).squeeze(-1)
            td["values"] = value.flatten()
            td["full_log_probs"] = log_probs
        else:
            # Training: how likely is now what was done then?
            taken = self._convert_action_to_logit_index(action.reshape(B * TT, -1))
            entropy = -(log_probs.exp() * log_probs).sum(dim=-1)
            td["act_log_prob"] = log_probs.gather(-1, taken.unsqueeze(-1)).view(B, TT)
            td["entropy"] = entropy.view(B, TT)
            td["value"] = value.view(B, TT)
            td["full_log_probs"] = log_probs.view(B, TT, -1)

        return td

    def _convert_action_to_logit_index(self, action):
        action_type = action[:, 0].long()
        action_arg = action[:, 1].long()
        return self.cum_action_max_params[action_type] + action_arg

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index]


class ForagerNet(nn.Module):
    """Adds up one embedding per token in sight; a linear critic and a linear head over the joint actions."""

    def __init__(self, env, input_size=64, hidden_size=64):
        super().__init__()
        self.hidden_size = hidden_size
        self.width, self.height = env.obs_width, env.obs_height
        self.kinds = len(env.feature_normalizations)
        scale = torch.tensor([float(env.feature_normalizations[kind]) for kind in range(self.kinds)])
        self.register_buffer("scale", scale)

        self.kind = nn.Embedding(self.kinds, input_size)
        self.place = nn.Embedding(self.width * self.height, input_size)
        self.mix = nn.Linear(input_size, input_size)
        self.critic = nn.Linear(hidden_size, 1)
        self.actor = nn.Linear(hidden_size, sum(largest + 1 for largest in env.max_action_args))

    def encode_observations(self, observations, state=None):
        tokens = observations.flatten(0, -3)  # [B, M, 3] or [B, T, M, 3] -> rows
        tokens[tokens == 255] = 0  # empty slots carry nothing

        coords = tokens[..., 0]
        x = (coords >> 4).long()
        y = (coords & 15).long()
        kind = tokens[..., 1].long()
        value = tokens[..., 2].float()

        valid = (coords != 255) & (x < self.width) & (y < self.height) & (kind < self.kinds)
        kind = kind.where(valid, 0)
        place = (x * self.height + y).where(valid, 0)

        amount = torch.log1p(value / self.scale[kind]) + 1.0
        seen = self.kind(kind) * amount.unsqueeze(-1) + self.place(place)
        seen = torch.relu(self.mix(seen)) * valid.unsqueeze(-1)
        return seen.sum(dim=1) / 16.0

    def decode_actions(self, hidden):
        return self.actor(hidden), self.critic(hidden)
