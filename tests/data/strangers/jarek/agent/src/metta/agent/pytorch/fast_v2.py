"""Second try at Fast, without pufferlib: the memory is one table with a row per environment."""

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import nn
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

from .utils import action_tables, episode_ends, orthogonal_lstm, unroll


def layer_init(layer, gain=2**0.5):
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer


class FastV2(nn.Module):
    def __init__(
        self, env, hidden_size=128, num_layers=2, max_envs=4096, clip_range=0.0, analyze_weights_interval=300, **kwargs
    ):
        super().__init__()
        if kwargs:
            raise TypeError(f"FastV2 does not know {sorted(kwargs)}")
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.obs_tokens = env.single_observation_space.shape[0]

        # 256 rows: every byte has one, so that no lookup can fail
        self.attr_embed = nn.Embedding(256, 24)
        self.token_net = layer_init(nn.Linear(24 + 3, 128))
        self.mix = layer_init(nn.Linear(128, hidden_size))
        self.lstm = orthogonal_lstm(nn.LSTM(hidden_size, hidden_size, num_layers))
        self.critic_1 = layer_init(nn.Linear(hidden_size, 256))
        self.value_head = layer_init(nn.Linear(256, 1), 1.0)

        pairs, cumulated = action_tables(env)
        self.register_buffer("action_index_tensor", pairs, persistent=False)
        self.register_buffer("cum_action_max_params", cumulated, persistent=False)
        self.actor = layer_init(nn.Linear(hidden_size, len(pairs)), 0.01)

        self.register_buffer("h_table", torch.zeros(num_layers, max_envs, hidden_size), persistent=False)
        self.register_buffer("c_table", torch.zeros(num_layers, max_envs, hidden_size), persistent=False)

    # ---- memory ----
    def has_memory(self):
        return True

    def get_memory(self):
        return self.h_table.clone(), self.c_table.clone()

    def set_memory(self, memory):
        h, c = memory
        self.h_table.copy_(h)
        self.c_table.copy_(c)

    def reset_memory(self):
        self.h_table.zero_()
        self.c_table.zero_()

    def reset_env_memory(self, env_id):
        self.h_table[:, env_id] = 0
        self.c_table[:, env_id] = 0

    def __getstate__(self):
        # a checkpoint starts with an empty memory
        state = self.__dict__.copy()
        state["_buffers"] = {
            name: torch.zeros_like(buffer) if name.endswith("_table") else buffer
            for name, buffer in self._buffers.items()
        }
        return state

    @torch.no_grad()
    def clip_weights(self):
        if self.clip_range > 0:
            for module in self.modules():
                if isinstance(module, nn.Linear):
                    module.weight.clamp_(-self.clip_range, self.clip_range)

    def get_agent_experience_spec(self):
        return Composite(
            env_obs=UnboundedDiscrete(shape=(self.obs_tokens, 3), dtype=torch.uint8),
            dones=UnboundedContinuous(shape=(), dtype=torch.float32),
            truncateds=UnboundedContinuous(shape=(), dtype=torch.float32),
        )

    def encode(self, tokens):
        tokens = tokens.clone()  # the environment still owns the other one
        padding = tokens[..., 0] == 255
        tokens[padding] = 0
        place = torch.stack([tokens[..., 0] >> 4, tokens[..., 0] & 15], dim=-1).float() / 15.0
        value = tokens[..., 2:].float() / 255.0
        features = torch.cat([self.attr_embed(tokens[..., 1].long()), place, value], dim=-1)
        features = F.relu(self.token_net(features)).masked_fill(padding.unsqueeze(-1), 0.0)
        return F.relu(self.mix(features.sum(dim=1)))

    def forward(self, td: TensorDict, state=None, action=None):
        B = td.batch_size[0]
        T = td.batch_size[1] if td.batch_dims == 2 else 1
        if td.batch_dims == 2:
            td = td.reshape(B * T)
        device = td["env_obs"].device
        td["bptt"] = torch.full((B * T,), T, dtype=torch.long, device=device)
        td["batch"] = torch.full((B * T,), B, dtype=torch.long, device=device)

        hidden = self.encode(td["env_obs"]).view(B, T, -1).transpose(0, 1)
        ended = episode_ends(td, B, T).to(device)
        if action is None:
            rows = torch.arange(B, device=device)
            start = td.get("training_env_id_start", None)
            if start is not None:
                rows = rows + start
            out, h, c = unroll(self.lstm, hidden, self.h_table[:, rows], self.c_table[:, rows], ended)
            self.h_table[:, rows] = h.detach()
            self.c_table[:, rows] = c.detach()
        else:
            zeros = hidden.new_zeros(self.lstm.num_layers, B, self.lstm.hidden_size)
            out, _, _ = unroll(self.lstm, hidden, zeros, zeros, ended)
        out = out.transpose(0, 1).reshape(B * T, -1)

        log_probs = F.log_softmax(self.actor(out), dim=-1)
        value = self.value_head(torch.tanh(self.critic_1(out)))
        td["full_log_probs"] = log_probs
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1)
            td["actions"] = self.action_index_tensor[index.squeeze(-1)].to(torch.int32)
            td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
            td["values"] = value.squeeze(-1)
            return td
        kinds, args = action.reshape(B * T, 2).long().unbind(-1)
        index = kinds + self.cum_action_max_params[kinds] + args
        td["act_log_prob"] = log_probs.gather(-1, index[:, None]).squeeze(-1)
        td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        td["value"] = value
        return td.reshape(B, T)
