"""An agent that guards a spot: it takes its settings from the config and keeps its memory itself."""

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import nn

from .inventory import InventoryNet


class Keeper(nn.Module):
    """Remembers what it saw in `_h` and `_c` between two calls."""

    def __init__(self, env, hidden_size=64, clip_range=0.0, analyze_weights_interval=300, **config):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.config = config
        self.policy = InventoryNet(env, input_size=hidden_size, hidden_size=hidden_size)
        self.lstm = nn.LSTM(hidden_size, hidden_size)
        self._h = None
        self._c = None

    def forward(self, td: TensorDict, state=None, action=None):
        observations = td["env_obs"]
        B = observations.shape[0]
        TT = observations.shape[1] if observations.dim() == 4 else 1

        x = self.policy.encode_observations(observations)
        x = x.view(B, TT, -1).transpose(0, 1)
        state = None if self._h is None else (self._h, self._c)
        out, (self._h, self._c) = self.lstm(x, state)

        logits, value = self.policy.decode_actions(out.transpose(0, 1).reshape(B * TT, -1))
        log_probs = F.log_softmax(logits, dim=-1)

        if action is None:
            sampled = torch.multinomial(log_probs.exp(), num_samples=1).squeeze(-1)
            td["actions"] = self._convert_logit_index_to_action(sampled).to(torch.int32)
            td["act_log_prob"] = log_probs.gather(-1, sampled.unsqueeze(-1)).squeeze(-1)
            td["values"] = value.flatten()
            td["full_log_probs"] = log_probs
        else:
            taken = self._convert_action_to_logit_index(action.reshape(B * TT, -1))
            td["act_log_prob"] = log_probs.gather(-1, taken.unsqueeze(-1)).view(B, TT)
            td["entropy"] = -(log_probs.exp() * log_probs).sum(dim=-1).view(B, TT)
            td["value"] = value.view(B, TT, 1)
            td["full_log_probs"] = log_probs.view(B, TT, -1)

        return td

    def has_memory(self):
        return True

    def get_memory(self):
        return None if self._h is None else (self._h.clone(), self._c.clone())

    def set_memory(self, memory):
        self._h, self._c = (None, None) if memory is None else (memory[0].clone(), memory[1].clone())

    def reset_memory(self):
        self._h = None
        self._c = None

    def clip_weights(self):
        if self.clip_range > 0:
            with torch.no_grad():
                for layer in self.modules():
                    if isinstance(layer, nn.Linear):
                        layer.weight.clamp_(-self.clip_range, self.clip_range)
                        layer.bias.clamp_(-self.clip_range, self.clip_range)

    def _convert_action_to_logit_index(self, action):
        action_type = action[:, 0].long()
        action_arg = action[:, 1].long()
        return action_type + self.cum_action_max_params[action_type] + action_arg

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index]
