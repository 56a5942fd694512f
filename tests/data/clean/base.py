"""A wrapper around a net: an LSTM of two layers, and the memory of every environment."""

import warnings

import torch
import torch.nn as nn


class LSTMWrapper(nn.Module):
    """Keeps one row of state for each environment; the first id of a TensorDict says where its rows begin."""

    def __init__(
        self,
        env,
        policy,
        input_size=64,
        hidden_size=64,
        num_layers=2,
        clip_range=0.0,
        analyze_weights_interval=300,
        memory_slots=4096,
        **config,
    ):
        super().__init__()
        if config:
            warnings.warn(f"nothing reads {sorted(config)}", stacklevel=2)
        self.policy = policy
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval

        self.lstm = nn.LSTM(input_size, hidden_size, num_layers)
        for name, parameter in self.lstm.named_parameters():
            if "bias" in name:
                nn.init.constant_(parameter, 1)
            else:
                nn.init.orthogonal_(parameter, 1)

        self.register_buffer("h", torch.zeros(num_layers, memory_slots, hidden_size), persistent=False)
        self.register_buffer("c", torch.zeros(num_layers, memory_slots, hidden_size), persistent=False)
        self.cum_action_max_params = None
        self.action_index_tensor = None

    def __getstate__(self):
        state = dict(self.__dict__)
        buffers = dict(state["_buffers"])
        buffers["h"] = torch.zeros_like(buffers["h"])
        buffers["c"] = torch.zeros_like(buffers["c"])
        state["_buffers"] = buffers
        return state

    def slots(self, td, rows):
        slots = torch.arange(rows, device=self.h.device)
        group = td.get("training_env_id_start", None)
        return slots if group is None else slots + group.flatten()[:1]

    def recall(self, td, rows):
        """The state (h, c), each `[L, B, H]`, of the environments of a TensorDict."""
        slots = self.slots(td, rows)
        return self.h[:, slots], self.c[:, slots]

    def remember(self, td, rows, h, c):
        slots = self.slots(td, rows)
        self.h[:, slots] = h.detach()
        self.c[:, slots] = c.detach()

    def has_memory(self):
        return True

    def get_memory(self):
        return {"h": self.h.clone(), "c": self.c.clone()}

    def set_memory(self, memory):
        self.h.copy_(memory["h"])
        self.c.copy_(memory["c"])

    def reset_memory(self):
        self.h.zero_()
        self.c.zero_()

    @torch.no_grad()
    def clip_weights(self):
        if self.clip_range > 0:
            for layer in self.modules():
                if isinstance(layer, (nn.Linear, nn.Conv2d)):
                    layer.weight.clamp_(-self.clip_range, self.clip_range)

    def _convert_action_to_logit_index(self, flattened_action):
        types = flattened_action[:, 0].long()
        arguments = flattened_action[:, 1].long()
        return types + self.cum_action_max_params[types] + arguments

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index]
