"""A forward of its own on the runtime's state store."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from policyfix.runtime import StateStore, clip_weights, warn_unknown_config, write_stamps
from tensordict import TensorDict

from .nets import FlatNet


class Miner(nn.Module):
    def __init__(
        self,
        env,
        input_size=64,
        hidden_size=64,
        num_layers=2,
        clip_range=0.0,
        analyze_weights_interval=300,
        **config,
    ):
        super().__init__()
        warn_unknown_config(self, config)
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.net = FlatNet(env, input_size, hidden_size)
        self.lstm = nn.LSTM(input_size, hidden_size, num_layers)
        for name, parameter in self.lstm.named_parameters():
            if "bias" in name:
                nn.init.constant_(parameter, 1)
            elif "weight" in name:
                nn.init.orthogonal_(parameter, 1)
        self.store = StateStore(self.lstm.num_layers, hidden_size)
        self.cum_action_max_params = None
        self.action_index_tensor = None

    @torch._dynamo.disable
    def forward(self, td: TensorDict, state=None, action=None):
        write_stamps(td)
        batch, steps = td.batch_size if td.batch_dims > 1 else (td.batch_size[0], 1)
        td = td.reshape(batch * steps)
        features = self.net.encode_observations(td["env_obs"]).view(batch, steps, -1).transpose(0, 1)
        hidden, _ = self.store.unroll(self.lstm, features, td, training=action is not None)
        logits, value = self.net.decode_actions(hidden.transpose(0, 1).reshape(batch * steps, -1))
        log_probs = F.log_softmax(logits, dim=-1)
        td["full_log_probs"] = log_probs
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1)
            td["actions"] = self._convert_logit_index_to_action(index.squeeze(-1)).to(torch.int32)
            td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
            td["values"] = value.squeeze(-1)
            return td
        index = self._convert_action_to_logit_index(action.reshape(batch * steps, 2))
        td["act_log_prob"] = log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        td["value"] = value
        return td.reshape(batch, steps)

    def has_memory(self):
        return True

    def get_memory(self):
        return self.store.get_memory()

    def set_memory(self, memory):
        self.store.set_memory(memory)

    def reset_memory(self):
        self.store.reset_memory()

    def clip_weights(self):
        clip_weights(self, self.clip_range)

    def _convert_action_to_logit_index(self, flattened_action):
        types = flattened_action[:, 0].long()
        return types + self.cum_action_max_params[types] + flattened_action[:, 1].long()

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index]
