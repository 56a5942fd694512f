"""Birds with a net of their own inside, or with cells in a loop."""
from dataclasses import dataclass

import torch
from torch import nn

from britta.mixins import Bounded, GroupMemory, JointActions, Stamping
from britta.senses import Beak, Glance, number_of_actions, rollout_outputs, sound_core, training_outputs


@dataclass
class Settings:
    hidden_size: int = 96
    num_layers: int = 2
    clip_range: float = 0.0
    analyze_weights_interval: int = 300


class Wren(Stamping, GroupMemory, Bounded, JointActions, nn.Module):
    """A stack of cells, stepped by hand in both modes."""

    def __init__(self, env, **settings):
        super().__init__()
        self.settings = chosen = Settings(**settings)
        self.glance = Glance(chosen.hidden_size)
        self.cells = nn.ModuleList(
            sound_core(nn.LSTMCell(chosen.hidden_size, chosen.hidden_size)) for _ in range(chosen.num_layers)
        )
        self.beak = Beak(chosen.hidden_size, number_of_actions(env))
        self._open_memory()

    @property
    def clip_range(self):
        return self.settings.clip_range

    def step(self, x, carry):
        below, hs, cs = x, [], []
        for cell, h, c in zip(self.cells, *carry):
            h, c = cell(below, (h, c))
            below = h
            hs.append(h)
            cs.append(c)
        return below, (torch.stack(hs), torch.stack(cs))

    def forward(self, td, state=None, action=None):
        flat, rows, steps = self.fold(td, action)
        x = self.glance(flat["env_obs"])
        blank = x.new_zeros(len(self.cells), rows, self.settings.hidden_size)
        if action is None:
            out, carry = self.step(x, self.recall(td, (blank, blank)))
            self.remember(td, carry)
            return rollout_outputs(self, td, *self.beak(out))
        outs, carry = [], (blank, blank)
        for now in x.view(rows, steps, -1).unbind(1):
            out, carry = self.step(now, carry)
            outs.append(out)
        out = torch.stack(outs, 1).view(rows * steps, -1)
        return training_outputs(self, flat, *self.beak(out), action).reshape(rows, steps)


class Eye(nn.Module):
    """A net that clips itself."""

    def __init__(self, width, actions, clip_range):
        super().__init__()
        self.clip_range = clip_range
        self.glance = Glance(width)
        self.beak = Beak(width, actions)

    def clip_weights(self):
        if self.clip_range > 0:
            for weight in self.parameters():
                weight.data.clamp_(-self.clip_range, self.clip_range)

    def encode_observations(self, observations, state=None):
        return self.glance(observations)

    def decode_actions(self, hidden):
        return self.beak(hidden)


class Finch(Stamping, GroupMemory, JointActions, nn.Module):
    """The core around an eye; both keep to the same bound, each for its own part."""

    def __init__(self, env, hidden_size=128, num_layers=2, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.policy = Eye(hidden_size, number_of_actions(env), clip_range)
        self.lstm = sound_core(nn.LSTM(hidden_size, hidden_size, num_layers=num_layers))
        self._open_memory()

    def clip_weights(self):
        self.policy.clip_weights()
        if self.clip_range > 0:
            for weight in self.lstm.parameters():
                weight.detach().clamp_(-self.clip_range, self.clip_range)

    def forward(self, td, state=None, action=None):
        td, rows, steps = self.fold(td, action)
        x = self.policy.encode_observations(td["env_obs"], state)
        if action is None:
            empty = x.new_zeros(self.lstm.num_layers, rows, x.shape[-1])
            out, carry = self.lstm(x.unsqueeze(0), tuple(self.recall(td, (empty, empty))))
            self.remember(td, carry)
            return rollout_outputs(self, td, *self.policy.decode_actions(out.squeeze(0)))
        out, _ = self.lstm(x.unflatten(0, (rows, steps)).transpose(0, 1))
        log_probs, value = self.policy.decode_actions(out.transpose(0, 1).flatten(0, 1))
        return training_outputs(self, td, log_probs, value, action).reshape(rows, steps)


class Snipe(Finch):
    """Finch with a wider bound for what the eye does not own."""

    def clip_weights(self):
        self.policy.clip_weights()
        if self.clip_range > 0:
            limit = 0.5 * self.clip_range
            for weight in self.parameters():
                weight.data.clamp_(-limit, limit)


class Curlew(Stamping, GroupMemory, Bounded, JointActions, nn.Module):
    """Ported from a repository that starts everything orthogonal."""

    def __init__(self, env, hidden_size=128, num_layers=2, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.glance = Glance(hidden_size)
        self.core = nn.LSTM(hidden_size, hidden_size)
        self.beak = Beak(hidden_size, number_of_actions(env))
        for name, weight in self.named_parameters():
            if "bias" in name:
                nn.init.constant_(weight, 1.0)
            elif weight.ndim >= 2:
                nn.init.orthogonal_(weight, 1.0)
        self._open_memory()

    def forward(self, td, state=None, action=None):
        flat, rows, steps = self.fold(td, action)
        x = self.glance(flat["env_obs"]).view(rows, steps, -1).transpose(0, 1)
        carry = (x.new_zeros(1, rows, self.core.hidden_size),) * 2
        if action is None:
            carry = self.recall(td, carry)
        out, carry = self.core(x, tuple(carry))
        log_probs, value = self.beak(out.transpose(0, 1).reshape(rows * steps, -1))
        if action is None:
            self.remember(td, carry)
            return rollout_outputs(self, td, log_probs, value)
        return training_outputs(self, flat, log_probs, value, action).reshape(rows, steps)
