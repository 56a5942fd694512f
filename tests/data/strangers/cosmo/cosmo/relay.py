"""Craft that remember nothing themselves: the state goes with the TensorDict, from step to step and into the buffer."""
from __future__ import annotations

import torch
from torch import nn
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

from .cells import start
from .nets import PlainNet


class Relay(nn.Module):
    """`carry` is what a step leaves for the next one, `carry_in` what it began with."""

    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.hidden_size = hidden_size
        self.clip_range, self.analyze_weights_interval = clip_range, analyze_weights_interval
        self.tokens = tuple(env.single_observation_space.shape)
        self.policy = PlainNet(env, hidden_size)
        self.cell = start(nn.GRUCell(hidden_size, hidden_size))

    def get_agent_experience_spec(self):
        return Composite(
            env_obs=UnboundedDiscrete(shape=self.tokens, dtype=torch.uint8),
            carry_in=UnboundedContinuous(shape=(self.hidden_size,), dtype=torch.float32),
        )

    def has_memory(self):
        return False

    def get_memory(self):
        return {}

    def set_memory(self, memory):
        pass

    def reset_memory(self):
        pass

    def clip_weights(self):
        if self.clip_range > 0:
            for p in self.policy.parameters():
                p.data.clamp_(-self.clip_range, self.clip_range)

    def _convert_action_to_logit_index(self, action):
        kind, argument = action.long().flatten(0, -2).T
        return kind + argument + self.cum_action_max_params[kind]

    def _ended(self, td):
        ended = torch.zeros(td.batch_size, dtype=torch.bool, device=td["env_obs"].device)
        for flag in ("dones", "truncateds"):
            if flag in td.keys():
                ended = ended | td[flag].bool()
        return ended

    def _mark(self, td, rows, steps):
        td["bptt"] = torch.full_like(td["env_obs"][:, 0, 0], steps, dtype=torch.int64)
        td["batch"] = torch.full_like(td["env_obs"][:, 0, 0], rows, dtype=torch.int64)

    def forward(self, td, state=None, action=None):
        if action is None:
            return self._step(td)
        rows, steps = td.batch_size
        ended, first = self._ended(td), td["carry_in"][:, 0]
        td = td.reshape(rows * steps)
        self._mark(td, rows, steps)
        hidden = self.policy.encode_observations(td["env_obs"])
        return self._outputs(td, self._replay(td, hidden, first, ended), action).reshape(rows, steps)

    def _step(self, td):
        self._mark(td, td.batch_size[0], 1)
        hidden = self.policy.encode_observations(td["env_obs"])
        carry = td["carry"] if "carry" in td.keys() else torch.zeros_like(hidden)
        carry = carry.masked_fill(self._ended(td).unsqueeze(-1), 0.0)
        td["carry_in"] = carry
        out = self.cell(hidden, carry)
        td["carry"] = out.detach()
        logits, value = self.policy.decode_actions(out)
        log_probs = logits.log_softmax(-1)
        index = log_probs.exp().multinomial(1)
        td["actions"] = self.action_index_tensor[index.squeeze(-1)].to(torch.int32)
        td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
        td["values"] = value.squeeze(-1)
        td["full_log_probs"] = log_probs
        return td

    def _replay(self, td, hidden, first, ended):
        rows, steps = ended.shape
        outs, h = [], first
        for now, over in zip(hidden.view(rows, steps, -1).unbind(1), ended.unbind(1)):
            h = self.cell(now, torch.where(over.unsqueeze(-1), 0.0, h))
            outs.append(h)
        return torch.stack(outs, 1).view(rows * steps, -1)

    def _outputs(self, td, out, action):
        logits, value = self.policy.decode_actions(out)
        log_probs = logits.log_softmax(-1)
        index = self._convert_action_to_logit_index(action)
        td["act_log_prob"] = log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        td["entropy"] = -(log_probs * log_probs.exp()).sum(-1)
        td["value"] = value
        td["full_log_probs"] = log_probs
        return td


class Beacon(Relay):
    """Every step of a minibatch starts from the state that was stored with it."""

    def _replay(self, td, hidden, first, ended):
        return self.cell(hidden, td["carry_in"])


class Probe(Relay):
    """Knows what it did last."""

    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(env, hidden_size, clip_range, analyze_weights_interval)
        self.kinds = len(env.max_action_args)
        self.before = nn.Linear(self.kinds, hidden_size, bias=False)

    def _last(self, td):
        kind = td["last_actions"][:, 0].long()
        return self.before(nn.functional.one_hot(kind, self.kinds).float())

    def _replay(self, td, hidden, first, ended):
        return super()._replay(td, hidden + self._last(td), first, ended)

    def _step(self, td):
        self._mark(td, td.batch_size[0], 1)
        hidden = self.policy.encode_observations(td["env_obs"])
        hidden = hidden + self._last(td)
        carry = td["carry"] if "carry" in td.keys() else torch.zeros_like(hidden)
        td["carry_in"] = carry.masked_fill(self._ended(td).unsqueeze(-1), 0.0)
        out = self.cell(hidden, td["carry_in"])
        td["carry"] = out.detach()
        logits, value = self.policy.decode_actions(out)
        log_probs = logits.log_softmax(-1)
        index = torch.randint(self.action_index_tensor.shape[0], td.batch_size, device=hidden.device)
        td["actions"] = self.action_index_tensor[index].to(torch.int32)
        td["act_log_prob"] = log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        td["values"] = value.squeeze(-1)
        td["full_log_probs"] = log_probs
        return td
