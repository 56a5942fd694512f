"""The style of mixins: the class itself only says in which order things happen."""

import torch
import torch.nn as nn
from tensordict import TensorDict

from .nets import FlatNet, orthogonal
from .services import Clipping, Memory, Outputs


class Keeper(Memory, Outputs, Clipping, nn.Module):
    def __init__(self, env, input_size=64, hidden_size=64, num_layers=2, **config):
        super().__init__()
        self.build_clipping(**config)
        self.build_memory(num_layers, hidden_size)
        self.policy = FlatNet(env, input_size=input_size, hidden_size=hidden_size)
        self.gate = orthogonal(nn.Linear(hidden_size, hidden_size))
        self.lstm = nn.LSTM(input_size, hidden_size, num_layers=num_layers)
        for name, parameter in self.lstm.named_parameters():
            if "weight" in name:
                nn.init.orthogonal_(parameter, gain=1.0)
            elif "bias" in name:
                nn.init.constant_(parameter, 1.0)
        self.cum_action_max_params = None
        self.action_index_tensor = None

    @torch._dynamo.disable
    def forward(self, td: TensorDict, state=None, action=None):
        batch, steps = (td.batch_size[0], td.batch_size[1]) if td.batch_dims > 1 else (td.batch_size[0], 1)
        if td.batch_dims > 1:
            td = td.reshape(batch * steps)
        self.stamp(td, batch, steps)

        features = self.policy.encode_observations(td["env_obs"])
        features = features.view(batch, steps, -1).transpose(0, 1)
        h, c = self.load_state(td, batch)
        outputs = []
        for step, ended in zip(features, self.boundaries(td, batch, steps), strict=True):
            h = h.masked_fill(ended, 0.0)
            c = c.masked_fill(ended, 0.0)
            output, (h, c) = self.lstm(step.unsqueeze(0), (h, c))
            outputs.append(output)
        if action is None:
            self.store_state(td, batch, (h, c))
        hidden = torch.cat(outputs).transpose(0, 1).reshape(batch * steps, -1)
        hidden = hidden * torch.sigmoid(self.gate(hidden))

        logits, value = self.policy.decode_actions(hidden)
        if action is None:
            return self.write_rollout(td, logits, value)
        td = self.write_training(td, logits, value, action.reshape(batch * steps, 2))
        return td.reshape(batch, steps)

    def boundaries(self, td, batch, steps):
        """Bool, `[1, B, 1]` for each step: true where an episode has ended."""
        ended = torch.zeros(batch * steps, dtype=torch.bool, device=td["env_obs"].device)
        if "dones" in td.keys():
            ended = ended | td["dones"].bool()
        if "truncateds" in td.keys():
            ended = ended | td["truncateds"].bool()
        return ended.view(batch, steps, 1).transpose(0, 1).unsqueeze(1)
