import logging

import pufferlib.models
import pufferlib.pytorch
import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import nn

from metta.agent.pytorch.utils import action_tables, orthogonal_lstm

logger = logging.getLogger(__name__)


class Fast(pufferlib.models.LSTMWrapper):
    """Our version of Fast: two layers, memory per environment group, bilinear actor removed."""

    def __init__(
        self,
        env,
        policy=None,
        input_size=128,
        hidden_size=128,
        num_layers=2,
        clip_range=0.0,
        analyze_weights_interval=300,
    ):
        if policy is None:
            policy = Policy(env, hidden_size=hidden_size)
        super().__init__(env, policy, input_size, hidden_size)
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.lstm = orthogonal_lstm(nn.LSTM(input_size, hidden_size, num_layers=num_layers))
        pairs, cumulated = action_tables(env)
        self.register_buffer("action_index_tensor", pairs, persistent=False)
        self.register_buffer("cum_action_max_params", cumulated, persistent=False)
        self.lstm_h = {}
        self.lstm_c = {}

    def has_memory(self):
        return True

    def get_memory(self):
        return dict(self.lstm_h), dict(self.lstm_c)

    def set_memory(self, memory):
        h, c = memory
        self.lstm_h, self.lstm_c = dict(h), dict(c)

    def reset_memory(self):
        self.lstm_h.clear()
        self.lstm_c.clear()

    def clip_weights(self):
        if self.clip_range <= 0:
            return
        for param in self.parameters():
            if param.dim() > 1:
                param.clamp_(-self.clip_range, self.clip_range)

    @torch._dynamo.disable
    def forward(self, td: TensorDict, state=None, action=None):
        observations = td["env_obs"]
        B = observations.shape[0]
        T = observations.shape[1] if observations.dim() == 4 else 1

        # stamps for the components that follow
        td["bptt"] = torch.full((B * T,), T, device=observations.device, dtype=torch.long)
        td["batch"] = torch.full((B * T,), B, device=observations.device, dtype=torch.long)
        if td.batch_dims > 1:
            td = td.reshape(B * T)

        hidden = self.policy.encode_observations(td["env_obs"])

        group = td.get("training_env_id_start", None)
        slot = 0 if group is None else group[0].item()
        if slot in self.lstm_h:
            h, c = self.lstm_h[slot], self.lstm_c[slot]
            ended = (td["dones"].bool() | td["truncateds"].bool()).view(B, T)[:, 0]
            h = h.masked_fill(ended.view(1, -1, 1), 0.0)
            c = c.masked_fill(ended.view(1, -1, 1), 0.0)
        else:
            h = hidden.new_zeros(self.lstm.num_layers, B, self.lstm.hidden_size)
            c = hidden.new_zeros(self.lstm.num_layers, B, self.lstm.hidden_size)

        out, (h, c) = self.lstm(hidden.view(B, T, -1).transpose(0, 1), (h, c))
        self.lstm_h[slot] = h.detach()
        self.lstm_c[slot] = c.detach()
        out = out.transpose(0, 1).reshape(B * T, -1)

        logits, value = self.policy.decode_actions(out)
        log_probs = F.log_softmax(logits, dim=-1)

        if action is None:
            index = torch.multinomial(log_probs.exp(), 1)
            td["actions"] = self.action_index_tensor[index.view(-1)].to(torch.int32)
            td["act_log_prob"] = log_probs.gather(-1, index).view(-1)
            td["values"] = value.flatten()
            td["full_log_probs"] = log_probs
            return td

        action = action.reshape(B * T, -1).long()
        index = action[:, 0] + self.cum_action_max_params[action[:, 0]] + action[:, 1]
        td["act_log_prob"] = log_probs.gather(-1, index.unsqueeze(-1)).view(-1)
        td["entropy"] = -(log_probs.exp() * log_probs).sum(dim=-1)
        td["value"] = value
        td["full_log_probs"] = log_probs
        return td.reshape(B, T)


class Policy(nn.Module):
    def __init__(self, env, hidden_size=128):
        super().__init__()
        self.hidden_size = hidden_size
        self.is_continuous = False
        self.width = env.obs_width
        self.height = env.obs_height
        self.features = max(env.feature_normalizations) + 1
        actions = sum(most + 1 for most in env.max_action_args)

        self.cnn1 = pufferlib.pytorch.layer_init(nn.Conv2d(self.features, 64, 5, stride=3))
        self.cnn2 = pufferlib.pytorch.layer_init(nn.Conv2d(64, 64, 3))
        with torch.no_grad():
            flat = self.cnn2(self.cnn1(torch.zeros(1, self.features, self.width, self.height))).numel()
        self.fc1 = pufferlib.pytorch.layer_init(nn.Linear(flat, 128))
        self.actor = pufferlib.pytorch.layer_init(nn.Linear(hidden_size, actions), std=0.01)
        self.critic_1 = pufferlib.pytorch.layer_init(nn.Linear(hidden_size, 1024))
        self.value_head = pufferlib.pytorch.layer_init(nn.Linear(1024, 1), std=1.0)

        scale = torch.ones(self.features)
        for feature, norm in env.feature_normalizations.items():
            scale[feature] = norm if norm > 0 else 1.0
        self.register_buffer("scale", scale.view(1, -1, 1, 1))

    def encode_observations(self, observations, state=None):
        rows = observations.shape[0]
        coords, attributes, values = observations.long().unbind(dim=-1)
        x, y = coords >> 4, coords & 0xF
        inside = (x < self.width) & (y < self.height) & (attributes < self.features)
        valid = (coords != 0xFF) & inside

        cells = self.features * self.width * self.height
        index = attributes * self.width * self.height + x * self.height + y
        index = torch.where(valid, index, cells)
        box = torch.zeros(rows, cells + 1, device=observations.device)
        box.scatter_(1, index, values.float())
        box = box[:, :-1].view(rows, self.features, self.width, self.height)

        x = self.cnn1(box / self.scale)
        x = F.relu(self.cnn2(x))
        return F.relu(self.fc1(x.flatten(1)))

    def decode_actions(self, hidden):
        value = self.value_head(torch.tanh(self.critic_1(hidden)))
        return self.actor(hidden), value
