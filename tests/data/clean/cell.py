"""One class, one LSTMCell, entries written by `update`."""

import warnings

import torch
import torch.nn as nn
from tensordict import TensorDict
from torch.distributions import Categorical


class Scout(nn.Module):
    def __init__(self, env, hidden_size=64, clip_range=0.0, analyze_weights_interval=300, **config):
        super().__init__()
        if config:
            warnings.warn(f"nothing reads {sorted(config)}", stacklevel=2)
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        tokens, channels = env.single_observation_space.shape
        self.encoder = nn.Linear(tokens * channels, hidden_size)
        self.cell = nn.LSTMCell(hidden_size, hidden_size)
        nn.init.orthogonal_(self.cell.weight_ih)
        nn.init.orthogonal_(self.cell.weight_hh)
        nn.init.ones_(self.cell.bias_ih)
        nn.init.ones_(self.cell.bias_hh)
        self.actor = nn.Linear(hidden_size, sum(largest + 1 for largest in env.max_action_args))
        self.critic = nn.Linear(hidden_size, 1)
        self.register_buffer("memory", torch.zeros(2, 4096, hidden_size), persistent=False)
        self.cum_action_max_params = None
        self.action_index_tensor = None

    def __getstate__(self):
        state = dict(self.__dict__)
        state["_buffers"] = {**state["_buffers"], "memory": torch.zeros_like(self.memory)}
        return state

    @torch._dynamo.disable
    def forward(self, td: TensorDict, state=None, action=None):
        training = action is not None
        B, T = td.batch_size if td.batch_dims > 1 else (td.batch_size[0], 1)
        td = td.reshape(B * T)
        td.update(
            {
                "bptt": torch.full((B * T,), T, dtype=torch.int64, device=td["env_obs"].device),
                "batch": torch.full((B * T,), B, dtype=torch.int64, device=td["env_obs"].device),
            }
        )

        tokens = td["env_obs"].float() / 255.0
        tokens = tokens.masked_fill(td["env_obs"][..., :1] == 255, 0.0)
        features = torch.relu(self.encoder(tokens.flatten(1))).view(B, T, -1)
        none = torch.zeros(B * T, dtype=torch.bool, device=features.device)
        first = (td.get("dones", none).bool() | td.get("truncateds", none).bool()).view(B, T, 1)
        group = td.get("training_env_id_start", torch.zeros_like(none, dtype=torch.int64))
        slots = group[:1] + torch.arange(B, device=features.device)
        h, c = self.memory[:, slots]
        steps = []
        for t in range(T):
            h = h.masked_fill(first[:, t], 0.0)
            c = c.masked_fill(first[:, t], 0.0)
            h, c = self.cell(features[:, t], (h, c))
            steps.append(h)
        if not training:
            self.memory[:, slots] = torch.stack([h.detach(), c.detach()])
        hidden = torch.stack(steps, dim=1).flatten(0, 1)

        policy = Categorical(logits=self.actor(hidden))
        if training:
            index = self._convert_action_to_logit_index(action.reshape(B * T, 2))
            td.update(
                {
                    "act_log_prob": policy.log_prob(index),
                    "entropy": policy.entropy(),
                    "value": self.critic(hidden),
                    "full_log_probs": policy.logits,
                }
            )
            return td.reshape(B, T)
        index = policy.sample()
        td.update(
            {
                "actions": self._convert_logit_index_to_action(index).to(torch.int32),
                "act_log_prob": policy.log_prob(index),
                "values": self.critic(hidden).flatten(),
                "full_log_probs": policy.logits,
            }
        )
        return td

    def has_memory(self):
        return True

    def get_memory(self):
        return self.memory.clone()

    def set_memory(self, memory):
        self.memory.copy_(memory)

    def reset_memory(self):
        self.memory.zero_()

    def clip_weights(self):
        if self.clip_range > 0:
            for parameter in self.parameters():
                parameter.data.clamp_(-self.clip_range, self.clip_range)

    def _convert_action_to_logit_index(self, flattened_action):
        types, arguments = flattened_action.long().unbind(-1)
        return types + self.cum_action_max_params[types] + arguments

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index]
