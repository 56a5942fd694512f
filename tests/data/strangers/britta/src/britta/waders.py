"""Birds on torch's own recurrent layers."""
import torch
from torch import nn

from britta.mixins import Bounded, GroupMemory, JointActions, Stamping
from britta.senses import Beak, Glance, number_of_actions, rollout_outputs, sound_core, training_outputs


class Plover(Stamping, GroupMemory, Bounded, JointActions, nn.Module):
    """The bird that all others are measured by."""

    def __init__(self, env, hidden_size=128, num_layers=2, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.glance = Glance(hidden_size)
        self.core = sound_core(nn.LSTM(hidden_size, hidden_size, num_layers))
        self.beak = Beak(hidden_size, number_of_actions(env))
        self._open_memory()

    def blank(self, x, rows):
        empty = x.new_zeros(self.core.num_layers, rows, self.core.hidden_size)
        return empty, empty

    def forward(self, td, state=None, action=None):
        td, rows, steps = self.fold(td, action)
        x = self.glance(td["env_obs"])
        if action is None:
            out, carry = self.core(x[None], self.recall(td, self.blank(x, rows)))
            self.remember(td, carry)
            return rollout_outputs(self, td, *self.beak(out[0]))
        out, _ = self.core(x.view(rows, steps, -1).transpose(0, 1), self.blank(x, rows))
        out = out.transpose(0, 1).reshape(rows * steps, -1)
        return training_outputs(self, td, *self.beak(out), action).reshape(rows, steps)


class Dunlin(Stamping, GroupMemory, Bounded, JointActions, nn.Module):
    """A GRU. Takes the state as it is and cuts the graph where it is picked up again."""

    def __init__(self, env, hidden_size=96, num_layers=1, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range, self.analyze_weights_interval = clip_range, analyze_weights_interval
        self.glance = Glance(hidden_size)
        self.core = nn.GRU(hidden_size, hidden_size, num_layers, batch_first=True)
        self.beak = Beak(hidden_size, number_of_actions(env))
        self.apply(self._prepare)
        self._open_memory()

    @staticmethod
    def _prepare(module):
        if isinstance(module, nn.RNNBase):
            for name, weight in module.named_parameters():
                nn.init.ones_(weight) if name.startswith("bias") else nn.init.orthogonal_(weight)

    def recall(self, td, blank):
        return [part.detach() for part in super().recall(td, blank)]

    def remember(self, td, carry):
        self._carry[self._group(td)] = tuple(carry)

    def forward(self, td, state=None, action=None):
        flat, rows, steps = self.fold(td, action)
        x = self.glance(flat["env_obs"]).unflatten(0, (rows, steps))
        carry = (x.new_zeros(self.core.num_layers, rows, self.core.hidden_size),)
        if action is None:
            carry = self.recall(td, carry)
        out, last = self.core(x, carry[0])
        if action is None:
            self.remember(td, (last,))
            return rollout_outputs(self, td, *self.beak(out[:, 0]))
        return training_outputs(self, flat, *self.beak(out.flatten(0, 1)), action).reshape(rows, steps)


class Heron(Plover):
    """Writes its own outputs, in one place for both modes."""

    def forward(self, td, state=None, action=None):
        td, rows, steps = self.fold(td, action)
        x = self.glance(td["env_obs"])
        if action is None:
            out, carry = self.core(x[None], self.recall(td, self.blank(x, rows)))
            self.remember(td, carry)
        else:
            out, _ = self.core(x.view(rows, steps, -1).transpose(0, 1), self.blank(x, rows))
        log_probs, value = self.beak(out.transpose(0, 1).reshape(rows * steps, -1))
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1)[:, 0]
            td["actions"] = self._convert_logit_index_to_action(index).to(torch.int32)
        else:
            index = self._convert_action_to_logit_index(action.reshape(-1, 2))
            td["entropy"] = -(log_probs * log_probs.exp()).sum(dim=1)
        td["act_log_prob"] = log_probs[torch.arange(rows * steps, device=x.device), index]
        td["values"] = value[:, 0]
        td["full_log_probs"] = log_probs
        return td


class Stork(GroupMemory, JointActions, nn.Module):
    """From the time before the mixins were split."""

    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.glance = Glance(hidden_size)
        self.core = sound_core(nn.GRU(hidden_size, hidden_size))
        self.beak = Beak(hidden_size, number_of_actions(env))
        self._open_memory()

    def forward(self, td, state=None, action=None):
        rows = td.batch_size[0]
        steps = 1 if action is None else td.batch_size[1]
        if action is not None:
            td = td.reshape(rows * steps)
        td["bptt"] = torch.full((rows * steps,), steps, dtype=torch.int64, device=td["env_obs"].device)
        x = self.glance(td["env_obs"])
        blank = x.new_zeros(1, rows, self.core.hidden_size)
        if action is None:
            (carry,) = self.recall(td, (blank,))
            out, carry = self.core(x.unsqueeze(0), carry)
            self.remember(td, (carry,))
            return rollout_outputs(self, td, *self.beak(out.squeeze(0)))
        out, _ = self.core(x.view(rows, steps, -1).transpose(0, 1), blank)
        out = out.transpose(0, 1).reshape(rows * steps, -1)
        return training_outputs(self, td, *self.beak(out), action).reshape(rows, steps)


class Crane(Plover):
    """Plover for the outdoor aviary."""

    def __init__(self, env, hidden_size=128, num_layers=2, clip_range=0.0, analyze_weights_interval=300, **extra):
        super().__init__(env, hidden_size, num_layers, clip_range, analyze_weights_interval)

    def _over(self, td):
        if "dones" in td.keys() and "truncateds" in td.keys():
            return torch.logical_or(td["dones"].bool(), td["truncateds"].bool()).reshape(-1)
        return None


class Egret(Plover):
    """Plover with a plain pair for its state."""

    def __init__(self, env, hidden_size=128, num_layers=2, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(env, hidden_size, num_layers, analyze_weights_interval=analyze_weights_interval)

    def remember(self, td, carry):
        h, c = carry
        self._carry[self._group(td)] = (h, c)


class Godwit(Plover):
    """Groups of this bird may arrive in any order of rows."""

    def _group(self, td):
        if "training_env_id_start" not in td.keys():
            return 0
        return td["training_env_id_start"].min().item()


class Ibis(Stamping, GroupMemory, JointActions, nn.Module):
    """An ablation that was once the baseline."""

    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.glance = Glance(hidden_size)
        self.core = sound_core(nn.LSTM(hidden_size, hidden_size, 2, batch_first=True))
        self.beak = Beak(hidden_size, number_of_actions(env))
        self._open_memory()

    def clip_weights(self):
        if self.clip_range > 0:
            for weight in self.parameters():
                weight.data.clamp(-self.clip_range, self.clip_range)

    def forward(self, td, state=None, action=None):
        td, rows, steps = self.fold(td, action)
        out, _ = self.core(self.glance(td["env_obs"]).view(rows, steps, -1))
        log_probs, value = self.beak(out.reshape(rows * steps, -1))
        if action is None:
            return rollout_outputs(self, td, log_probs, value)
        return training_outputs(self, td, log_probs, value, action).reshape(rows, steps)
