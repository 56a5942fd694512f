"""Hulls in service."""
from __future__ import annotations

import torch
from torch import nn

from .cells import CellStack, start
from .hull import Hull
from .nets import ScoreNet, PairNet, PlainNet, ScrubNet


class Orbiter(Hull):
    """Cells in a loop instead of the fused layer, and a bilinear head."""

    def __init__(self, env, hidden_size=128, num_layers=3, **kwargs):
        super().__init__(env, PairNet(env, hidden_size), hidden_size, num_layers, **kwargs)

    def make_core(self):
        return CellStack(self.hidden_size, self.num_layers)


class Tug(Hull):
    """Works on recordings."""

    def __init__(self, env, hidden_size=128, **kwargs):
        super().__init__(env, ScrubNet(env, hidden_size), hidden_size, **kwargs)

    def mark(self, td, rows, steps):
        size = td["env_obs"].shape[:1]
        td["bptt"] = torch.full(size, rows, dtype=torch.int64, device=td["env_obs"].device)
        td["batch"] = torch.full(size, steps, dtype=torch.int64, device=td["env_obs"].device)


class Comet(Hull):
    def __init__(self, env, hidden_size=128, **kwargs):
        super().__init__(env, ScoreNet(env, hidden_size), hidden_size, **kwargs)


class Skiff(Hull):
    """Writes its outputs in one go."""

    def explore(self, td):
        self.mark(td, td.batch_size[0], 1)
        hidden = self.policy.encode_observations(td["env_obs"])
        out, _ = self.lstm(hidden.unsqueeze(0), self.board(td))
        logits, value = self.policy.decode_actions(out.squeeze(0))
        choice = torch.distributions.Categorical(logits=logits)
        index = choice.sample()
        td.update(
            {
                "actions": self._convert_logit_index_to_action(index),
                "act_log_prob": choice.log_prob(index),
                "values": value.squeeze(-1),
                "full_log_probs": choice.logits,
            }
        )
        return td

    def clip_weights(self):
        if self.clip_range <= 0:
            return
        for module in self.policy.modules():
            if isinstance(module, nn.Linear):
                module.weight = nn.Parameter(module.weight.clamp(-self.clip_range, self.clip_range))


class Barge(Hull):
    """Reads time first, as the recordings are."""

    def review(self, td, action):
        rows, steps = td.batch_size
        td = td.reshape(rows * steps)
        self.mark(td, rows, steps)
        hidden = self.policy.encode_observations(td["env_obs"]).view(rows, steps, -1)
        zeros = hidden.new_zeros(self.num_layers, rows, self.hidden_size)
        out, _ = self.lstm(hidden.transpose(0, 1), (zeros, zeros))
        logits, value = self.policy.decode_actions(out.transpose(0, 1).flatten(0, 1))
        choice = torch.distributions.Categorical(logits=logits)
        td["act_log_prob"] = choice.log_prob(self._convert_action_to_logit_index(action))
        td["entropy"] = choice.entropy()
        td["value"] = value
        td["full_log_probs"] = choice.logits
        return td.reshape(steps, rows)

    def clip_weights(self):
        for p in self.policy.parameters():
            p.data.clamp_(-0.5, 0.5)


class Capsule(nn.Module):
    """The first of them, with an LSTM cell and two attributes."""

    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.hidden_size = hidden_size
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.policy = PlainNet(env, hidden_size)
        self.cell = start(nn.LSTMCell(hidden_size, hidden_size))
        self.h = None
        self.c = None

    def reset_memory(self):
        self.h = self.c = None

    def get_memory(self):
        return self.h, self.c

    def __getstate__(self):
        return {**self.__dict__, "h": None, "c": None}

    def clip_weights(self):
        if self.clip_range > 0:
            with torch.no_grad():
                for p in self.parameters():
                    p.clamp_(-self.clip_range, self.clip_range)

    def _convert_action_to_logit_index(self, action):
        flat = action.reshape(-1, 2).long()
        return flat.sum(dim=-1) + self.cum_action_max_params[flat[:, 0]]

    def forward(self, td, state=None, action=None):
        rows, steps = td["env_obs"].shape[0], 1 if action is None else td["env_obs"].shape[1]
        if action is not None:
            td = td.reshape(rows * steps)
        for key, number in {"bptt": steps, "batch": rows}.items():
            td[key] = torch.full((rows * steps,), number, dtype=torch.int64, device=td["env_obs"].device)
        hidden = self.policy.encode_observations(td["env_obs"]).view(rows, steps, -1)
        h = c = hidden.new_zeros(rows, self.hidden_size)
        if action is None and self.h is not None:
            h, c = self.h, self.c
            for flag in ("dones", "truncateds"):
                if flag in td.keys():
                    h = h.masked_fill(td[flag].bool().unsqueeze(-1), 0.0)
        outs = []
        for t in range(steps):
            h, c = self.cell(hidden[:, t], (h, c))
            outs.append(h)
        if action is None:
            self.h, self.c = h.detach(), c.detach()
        logits, value = self.policy.decode_actions(torch.stack(outs, dim=1).flatten(0, 1))
        choice = torch.distributions.Categorical(logits=logits)
        td["full_log_probs"] = choice.logits
        if action is None:
            index = choice.sample()
            td["actions"] = self.action_index_tensor[index].to(torch.int32)
            td["act_log_prob"] = choice.log_prob(index)
            td["values"] = value.squeeze(-1)
            return td
        td["act_log_prob"] = choice.log_prob(self._convert_action_to_logit_index(action))
        td["entropy"] = choice.entropy()
        td["value"] = value
        return td.reshape(rows, steps)
