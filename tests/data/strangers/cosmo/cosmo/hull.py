"""The wrapper: stamps, memory, heads. Everything that differs between craft is in methods of its own."""
from __future__ import annotations

import torch
from torch import nn

from .cells import start
from .nets import PlainNet


class Hull(nn.Module):
    def __init__(
        self,
        env,
        policy=None,
        hidden_size: int = 128,
        num_layers: int = 1,
        berths: int = 1024,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
    ) -> None:
        super().__init__()
        self.hidden_size, self.num_layers = hidden_size, num_layers
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.policy = policy if policy is not None else PlainNet(env, hidden_size)
        self.lstm = start(self.make_core())
        self.register_buffer("h_berths", torch.zeros(berths, num_layers, hidden_size), persistent=False)
        self.register_buffer("c_berths", torch.zeros(berths, num_layers, hidden_size), persistent=False)

    def make_core(self) -> nn.Module:
        return nn.LSTM(self.hidden_size, self.hidden_size, self.num_layers)

    # memory

    def has_memory(self):
        return True

    def get_memory(self):
        return self.h_berths.clone(), self.c_berths.clone()

    def set_memory(self, memory):
        for berths, given in zip((self.h_berths, self.c_berths), memory):
            berths.copy_(given)

    def reset_memory(self):
        self.h_berths.fill_(0.0)
        self.c_berths.fill_(0.0)

    def __setstate__(self, state):
        super().__setstate__(state)
        self.reset_memory()

    def berths_of(self, td):
        order = torch.arange(td.batch_size[0], device=self.h_berths.device)
        if "training_env_id_start" in td.keys():
            order += td["training_env_id_start"][0]
        return order

    def fresh(self, td):
        """1 where an episode goes on, 0 where another one begins: [rows, 1, 1]."""
        goes_on = 1
        for flag in ("dones", "truncateds"):
            value = td.get(flag, None)
            if value is not None:
                goes_on = goes_on * (value == 0)[:, None, None]
        return goes_on

    def board(self, td):
        berths, goes_on = self.berths_of(td), self.fresh(td)
        return tuple((part[berths] * goes_on).transpose(0, 1).contiguous() for part in (self.h_berths, self.c_berths))

    def leave(self, td, carry):
        berths = self.berths_of(td)
        h, c = (part.detach().transpose(0, 1) for part in carry)
        self.h_berths.index_copy_(0, berths, h)
        self.c_berths.index_copy_(0, berths, c)

    # weights

    def clip_weights(self):
        with torch.no_grad():
            if self.clip_range > 0:
                for module in self.policy.modules():
                    if isinstance(module, nn.Linear):
                        for p in module.parameters(recurse=False):
                            p.clamp_(-self.clip_range, self.clip_range)

    # actions

    def _convert_action_to_logit_index(self, action):
        flat = action.reshape(-1, 2).long()
        return flat.sum(dim=-1) + self.cum_action_max_params[flat[:, 0]]

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index].to(torch.int32)

    # forward

    def mark(self, td, rows, steps):
        filled = td["env_obs"].new_ones(rows * steps, dtype=torch.int64)
        td["bptt"], td["batch"] = filled * steps, filled * rows

    def forward(self, td, state=None, action=None):
        return self.explore(td) if action is None else self.review(td, action)

    def explore(self, td):
        self.mark(td, td.batch_size[0], 1)
        hidden = self.policy.encode_observations(td["env_obs"])
        out, carry = self.lstm(hidden.unsqueeze(0), self.board(td))
        self.leave(td, carry)
        logits, value = self.policy.decode_actions(out.squeeze(0))
        choice = torch.distributions.Categorical(logits=logits)
        index = choice.sample()
        td["actions"] = self._convert_logit_index_to_action(index)
        td["act_log_prob"] = choice.log_prob(index)
        td["values"] = value.squeeze(-1)
        td["full_log_probs"] = choice.logits
        return td

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
        return td.reshape(rows, steps)
