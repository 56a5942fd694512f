"""Agents that came from other trainers of ours."""
import torch
from torch import nn

from crew.base import Agent, joint_count, mlp, stamp


class Carried(Agent):
    """Carries the state of the last call along, as the single-environment trainer did."""

    def __init__(self, env, num_layers=2, **options):
        super().__init__(env, **options)
        self.lstm = nn.LSTM(self.net.width, self.hidden, num_layers=1)
        for name, weight in self.lstm.named_parameters():
            nn.init.constant_(weight, 1.0) if "bias" in name else nn.init.orthogonal_(weight, 1.0)
        self.actor = mlp(self.hidden, joint_count(env), out_gain=0.01)
        self.carry = None

    def has_memory(self):
        return True

    def get_memory(self):
        return None if self.carry is None else tuple(part.clone() for part in self.carry)

    def set_memory(self, memory):
        self.carry = memory

    def reset_memory(self):
        self.carry = None

    def forward(self, td, state=None, action=None):
        if action is not None:
            rows, steps = td.batch_size
            td = td.reshape(rows * steps)
            stamp(td, steps, rows)
            out, _ = self.lstm(self.net(td["env_obs"]).view(rows, steps, -1).transpose(0, 1))
            hidden = out.transpose(0, 1).reshape(rows * steps, -1)
            return self.finish(td, hidden, action.reshape(-1, 2)).reshape(rows, steps)
        stamp(td, 1, td.batch_size[0])
        carry = self.carry
        if carry is not None:
            goes_on = (1.0 - td["dones"].float()).view(1, -1, 1)
            carry = (carry[0] * goes_on, carry[1] * goes_on)
        out, (h, c) = self.lstm(self.net(td["env_obs"]).unsqueeze(0), carry)
        self.carry = (h.detach(), c.detach())
        return self.finish(td, out[0], None)


class Grouped(Agent):
    """One state for each group of environments, under the id that it starts with."""

    def __init__(self, env, **options):
        super().__init__(env, **options)
        self.gru = nn.GRU(self.net.width, self.hidden, 2)
        self.actor = mlp(self.hidden, joint_count(env), out_gain=0.01)
        self.states = {}

    def has_memory(self):
        return True

    def get_memory(self):
        return {group: state.clone() for group, state in self.states.items()}

    def set_memory(self, memory):
        self.states = {group: state.clone() for group, state in memory.items()}

    def reset_memory(self):
        self.states = {}

    def __getstate__(self):
        return {**self.__dict__, "states": {}}

    def forward(self, td, state=None, action=None):
        if action is not None:
            rows, steps = td.batch_size
            td = td.reshape(rows * steps)
            stamp(td, steps, rows)
            out, _ = self.gru(self.net(td["env_obs"]).view(rows, steps, -1).transpose(0, 1))
            hidden = out.transpose(0, 1).reshape(rows * steps, -1)
            return self.finish(td, hidden, action.reshape(-1, 2)).reshape(rows, steps)
        stamp(td, 1, td.batch_size[0])
        x = self.net(td["env_obs"])
        group = td["training_env_id_start"][0].item()
        if group not in self.states:
            self.states[group] = x.new_zeros(2, x.shape[0], self.hidden)
        over = (td["dones"].bool() | td["truncateds"].bool()).view(1, -1, 1)
        out, new = self.gru(x.unsqueeze(0), self.states[group].masked_fill(over, 0.0))
        self.states[group] = new.detach()
        return self.finish(td, out[0], None)


class Spread(Agent):
    """One table for the rows of all groups; its first half is h, its second c."""

    def __init__(self, env, seats=4096, **options):
        super().__init__(env, **options)
        self.lstm = nn.LSTM(self.net.width, self.hidden)
        for weight in self.lstm.parameters():
            if weight.ndim == 1:
                nn.init.ones_(weight)
            else:
                nn.init.orthogonal_(weight)
        self.actor = mlp(self.hidden, joint_count(env), out_gain=0.01)
        self.register_buffer("table", torch.zeros(2, seats, self.hidden), persistent=False)

    def __getstate__(self):
        return {**self.__dict__, "_buffers": {**self._buffers, "table": torch.zeros_like(self.table)}}

    def has_memory(self):
        return True

    def get_memory(self):
        return self.table.clone()

    def set_memory(self, memory):
        self.table.copy_(memory)

    def reset_memory(self):
        self.table.fill_(0.0)

    def forward(self, td, state=None, action=None):
        rows = td.batch_size[0]
        steps = td.batch_size[1] if action is not None else 1
        td = td.reshape(rows * steps) if action is not None else td
        stamp(td, steps, rows)
        x = self.net(td["env_obs"])
        if action is not None:
            out, _ = self.lstm(x.unsqueeze(0))
            return self.finish(td, out.squeeze(0), action.reshape(-1, 2)).reshape(rows, steps)
        seats = td["training_env_id_start"][:1] + torch.arange(rows, device=x.device)
        over = torch.logical_or(td["dones"].bool(), td["truncateds"].bool()).view(1, -1, 1)
        kept = self.table[:, seats]
        if over.any():
            kept = kept.masked_fill(over, 0.0)
        h, c = kept.unsqueeze(1).unbind(0)
        out, (h, c) = self.lstm(x.unsqueeze(0), (h.contiguous(), c.contiguous()))
        self.table[:, seats] = torch.cat([h, c]).detach()
        return self.finish(td, out.squeeze(0), None)
