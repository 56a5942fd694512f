"""What agents mix in."""

import warnings

import torch
import torch.nn as nn
import torch.nn.functional as F


class Memory:
    """LSTM states of all environments, in two buffers that are no part of a checkpoint."""

    def build_memory(self, num_layers, hidden_size, slots=4096):
        self.register_buffer("lstm_h", torch.zeros(num_layers, slots, hidden_size), persistent=False)
        self.register_buffer("lstm_c", torch.zeros(num_layers, slots, hidden_size), persistent=False)

    def __getstate__(self):
        state = dict(self.__dict__)
        fresh = {name: torch.zeros_like(self._buffers[name]) for name in ("lstm_h", "lstm_c")}
        state["_buffers"] = {**state["_buffers"], **fresh}
        return state

    def slots(self, td, rows):
        slots = torch.arange(rows, device=self.lstm_h.device)
        group = td.get("training_env_id_start", None)
        return slots if group is None else slots + group[0]

    def load_state(self, td, rows):
        slots = self.slots(td, rows)
        return self.lstm_h[:, slots], self.lstm_c[:, slots]

    def store_state(self, td, rows, state):
        h, c = (part.detach() for part in state)
        slots = self.slots(td, rows)
        self.lstm_h[:, slots] = h
        self.lstm_c[:, slots] = c

    def has_memory(self):
        return True

    def get_memory(self):
        return self.lstm_h.clone(), self.lstm_c.clone()

    def set_memory(self, memory):
        h, c = memory
        self.lstm_h.copy_(h)
        self.lstm_c.copy_(c)

    def reset_memory(self):
        self.lstm_h.zero_()
        self.lstm_c.zero_()


class Outputs:
    """Stamps, actions and log-probs."""

    def stamp(self, td, batch, steps):
        rows = batch * steps
        device = td["env_obs"].device
        td["bptt"] = torch.full((rows,), steps, device=device, dtype=torch.int64)
        td["batch"] = torch.full((rows,), batch, device=device, dtype=torch.int64)

    def write_rollout(self, td, logits, value):
        log_probs = F.log_softmax(logits, dim=-1)
        index = torch.multinomial(log_probs.exp(), 1)
        td["actions"] = self._convert_logit_index_to_action(index.squeeze(-1)).to(torch.int32)
        td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
        td["values"] = value.flatten()
        td["full_log_probs"] = log_probs
        return td

    def write_training(self, td, logits, value, action):
        log_probs = F.log_softmax(logits, dim=-1)
        index = self._convert_action_to_logit_index(action)
        rows = torch.arange(index.shape[0], device=index.device)
        td["act_log_prob"] = log_probs[rows, index]
        td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        td["value"] = value
        td["full_log_probs"] = log_probs
        return td

    def _convert_action_to_logit_index(self, flattened_action):
        types = flattened_action[..., 0].long()
        return types + self.cum_action_max_params[types] + flattened_action[..., 1].long()

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index]


class Clipping:
    def build_clipping(self, clip_range=0.0, analyze_weights_interval=300, **config):
        if config:
            warnings.warn(f"nothing reads {sorted(config)}", stacklevel=3)
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval

    def clip_weights(self):
        if self.clip_range > 0:
            with torch.no_grad():
                for layer in self.modules():
                    if isinstance(layer, nn.Linear):
                        layer.weight.clamp_(-self.clip_range, self.clip_range)
                        layer.bias.clamp_(-self.clip_range, self.clip_range)
