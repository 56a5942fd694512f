"""Plain recurrent layers."""
import torch
from torch import nn

from .common import ActionTable, Choice, Sight, clip, ended, init_core, stamp
from .memory import Remembering, SeatMemory


class Elman(Remembering, ActionTable, nn.Module):
    def __init__(self, env, hidden_size=128, num_layers=1, clip_range=0.0, analyze_weights_interval=300):
        super(Elman, self).__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.sight = Sight(hidden_size)
        self.rnn = init_core(nn.RNN(hidden_size, hidden_size, num_layers, nonlinearity="tanh"))
        self.choice = Choice(env, hidden_size)
        self.memory = SeatMemory(num_layers, hidden_size)

    def clip_weights(self):
        clip(self, self.clip_range)

    def forward(self, td, state=None, action=None):
        if action is not None:
            return self.forward_training(td, action)
        x = self.sight(stamp(td, 1)["env_obs"])
        h = self.memory.take(td, x) * (~ended(td)).unsqueeze(-1)
        out, h = self.rnn(x.unsqueeze(0), h)
        self.memory.put(td, h)
        return self.write(td, *self.choice(out.squeeze(0)))

    def forward_training(self, td, action):
        b, t = td.shape
        td = stamp(td.reshape(b * t), t)
        x = self.sight(td["env_obs"]).view(b, t, -1)
        out, _ = self.rnn(x.transpose(0, 1))
        out = out.transpose(0, 1).reshape(b * t, -1)
        return self.write(td, *self.choice(out), action=action).reshape(b, t)


class Legacy(ActionTable, nn.Module):
    """As it was in the first paper."""

    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300):
        super(Legacy, self).__init__()
        self.hidden_size = hidden_size
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.sight = Sight(hidden_size)
        self.rnn = nn.RNN(hidden_size, hidden_size)
        self.choice = Choice(env, hidden_size)
        self.h = None

    def has_memory(self):
        return True

    def get_memory(self):
        return self.h

    def set_memory(self, memory):
        self.h = memory

    def reset_memory(self):
        self.h = None

    def forward(self, td, state=None, action=None):
        b = td.shape[0]
        t = 1 if action is None else td.shape[1]
        td = stamp(td if action is None else td.reshape(b * t), t)
        x = self.sight(td["env_obs"]).view(b, t, -1).transpose(0, 1)
        h = self.h
        if h is None or h.shape[1] != b:
            h = x.new_zeros(1, b, self.hidden_size)
        if action is None:
            h = h * (1.0 - ended(td).float()).view(1, b, 1)
        out, self.h = self.rnn(x, h)
        td = self.write(td, *self.choice(out.transpose(0, 1).reshape(b * t, -1)), action=action)
        return td if action is None else td.reshape(b, t)


class Pulse(Remembering, ActionTable, nn.Module):
    """A GRU with outputs of its own."""

    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.sight = Sight(hidden_size)
        self.gru = init_core(nn.GRU(hidden_size, hidden_size))
        self.choice = Choice(env, hidden_size)
        self.memory = SeatMemory(1, hidden_size)

    def clip_weights(self):
        clip(self, self.clip_range)

    def forward(self, td, state=None, action=None):
        if action is None:
            x = self.sight(stamp(td, 1)["env_obs"])
            h = self.memory.take(td, x).masked_fill(ended(td).view(1, -1, 1), 0.0)
            out, h = self.gru(x.unsqueeze(0), h)
            self.memory.put(td, h)
            log_probs, value = self.choice(out.squeeze(0))
            index = torch.multinomial(log_probs.exp(), 1)
            td["actions"] = self._convert_logit_index_to_action(index.squeeze(1))
            td["act_log_prob"] = log_probs.gather(1, index).squeeze(1)
            td["value"] = value.squeeze(1)
            td["full_log_probs"] = log_probs
            return td
        b, t = td.shape
        td = stamp(td.reshape(b * t), t)
        out, _ = self.gru(self.sight(td["env_obs"]).view(b, t, -1).transpose(0, 1))
        log_probs, value = self.choice(out.transpose(0, 1).reshape(b * t, -1))
        index = self._convert_action_to_logit_index(action)
        td["act_log_prob"] = log_probs.gather(1, index.unsqueeze(1)).squeeze(1)
        td["entropy"] = -(log_probs * log_probs.exp()).sum(1)
        td["value"] = value
        return td.reshape(b, t)
