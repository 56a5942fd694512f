"""Agents that stand on their own; most of them came here from older experiments."""
from typing import NamedTuple

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from .cells import steady
from .rows import RowTable
from .stem import GridStem, TokenStem


def joint_actions(env) -> int:
    return sum(most + 1 for most in env.max_action_args)


def full(td: TensorDict, number: int) -> Tensor:
    return torch.full((td.numel(),), number, dtype=torch.int64, device=td["env_obs"].device)


class Heads(nn.Module):
    def __init__(self, width: int, actions: int) -> None:
        super().__init__()
        self.shared = nn.Linear(width, width)
        self.actor = nn.Linear(width, actions)
        self.critic = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.nn.functional.silu(self.shared(x))
        return self.actor(x).log_softmax(dim=-1), self.critic(x)


class Indexed:
    """Joint index and (type, argument) pairs."""

    def _convert_action_to_logit_index(self, action: Tensor) -> Tensor:
        action = action.long()
        return action[..., 0] + action[..., 1] + self.cum_action_max_params[action[..., 0]]

    def _convert_logit_index_to_action(self, index: Tensor) -> Tensor:
        return self.action_index_tensor[index]


class Courier(Indexed, nn.Module):
    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.encode = TokenStem(hidden_size)
        self.lstm = steady(nn.LSTM(hidden_size, hidden_size, num_layers=2))
        self.heads = Heads(hidden_size, joint_actions(env))
        self.carry = None

    def has_memory(self):
        return True

    def get_memory(self):
        return self.carry

    def set_memory(self, memory):
        self.carry = memory

    def reset_memory(self):
        self.carry = None

    def _start(self, x, rows):
        blank = x.new_zeros(2, rows, self.lstm.hidden_size)
        return blank, blank.clone()

    def _continue(self, x, td):
        rows = x.shape[0]
        if self.carry is None or self.carry[0].shape[1] != rows:
            return self._start(x, rows)
        alive = torch.ones(rows, dtype=torch.bool, device=x.device)
        for flag in ("dones", "truncateds"):
            if flag in td.keys():
                alive = alive & ~td[flag].bool().view(-1)
        return tuple(part * alive.view(1, -1, 1) for part in self.carry)

    def forward(self, td, state=None, action=None):
        if action is None:
            rows, steps = td.batch_size[0], 1
        else:
            rows, steps = td.batch_size
            td = td.reshape(rows * steps)
        td["bptt"], td["batch"] = full(td, steps), full(td, rows)
        x = self.encode(td["env_obs"])
        if action is None:
            out, (h, c) = self.lstm(x.unsqueeze(0), self._continue(x, td))
            self.carry = h.detach(), c.detach()
            out = out.squeeze(0)
        else:
            sequence = x.view(rows, steps, -1).transpose(0, 1)
            out, _ = self.lstm(sequence, self._start(x, rows))
            out = out.transpose(0, 1).reshape(rows * steps, -1)
        log_probs, value = self.heads(out)
        td["full_log_probs"] = log_probs
        if action is None:
            index = torch.distributions.Categorical(logits=log_probs).sample()
            td["actions"] = self._convert_logit_index_to_action(index).to(torch.int32)
            td["values"] = value.flatten()
        else:
            index = self._convert_action_to_logit_index(action.reshape(-1, 2))
            td["entropy"] = torch.distributions.Categorical(logits=log_probs).entropy()
            td["value"] = value
        td["act_log_prob"] = log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        return td if action is None else td.reshape(rows, steps)


class Carry(NamedTuple):
    hidden: Tensor

    def drop(self, keep: Tensor) -> "Carry":
        return Carry(torch.where(keep.view(1, -1, 1), self.hidden, torch.zeros_like(self.hidden)))


class Lantern(Indexed, nn.Module):
    """Whole sequences in training, one line of a buffer per environment in a rollout."""

    def __init__(self, env, hidden_size=128, num_layers=1, seats=512, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range, self.analyze_weights_interval = clip_range, analyze_weights_interval
        self.encode = GridStem(env, hidden_size)
        self.gru = nn.GRU(hidden_size, hidden_size, num_layers, batch_first=True)
        for weight in self.gru.all_weights:
            for parameter in weight:
                (nn.init.orthogonal_ if parameter.ndim == 2 else nn.init.ones_)(parameter)
        self.heads = Heads(hidden_size, joint_actions(env))
        self.register_buffer("_lines", torch.zeros(num_layers, seats, hidden_size), persistent=False)

    def has_memory(self):
        return True

    def get_memory(self):
        return {"hidden": self._lines.clone()}

    def set_memory(self, memory):
        self._lines = memory["hidden"].clone()

    def reset_memory(self):
        self._lines = torch.zeros_like(self._lines)

    def __getstate__(self):
        empty = {**self._buffers, "_lines": torch.zeros_like(self._lines)}
        return {**self.__dict__, "_buffers": empty}

    @torch.no_grad()
    def clip_weights(self):
        if self.clip_range:
            for weight in self.heads.parameters():
                weight.clamp_(min=-self.clip_range, max=self.clip_range)

    def _seat(self, td):
        place = torch.arange(td.batch_size[0], device=self._lines.device)
        if "training_env_id_start" in td.keys():
            place = place + td["training_env_id_start"][0]
        return place

    @staticmethod
    def _going_on(td):
        going = torch.ones(td.batch_size, device=td["env_obs"].device)
        if "dones" in td.keys():
            going = going * (1.0 - td["dones"].float())
        if "truncateds" in td.keys():
            going = going * (1.0 - td["truncateds"].float())
        return going > 0.5

    def _step(self, td, x):
        seat = self._seat(td)
        carry = Carry(self._lines.index_select(1, seat)).drop(self._going_on(td))
        out, hidden = self.gru(x.unsqueeze(1), carry.hidden.contiguous())
        self._lines = self._lines.index_copy(1, seat, hidden.detach())
        return out.squeeze(1)

    def forward(self, td, state=None, action=None):
        shape = td.batch_size
        rows, steps = (shape[0], 1) if action is None else shape
        td = td if action is None else td.reshape(-1)
        td.update({"bptt": full(td, steps), "batch": full(td, rows)})
        x = self.encode(td["env_obs"])
        if action is None:
            log_probs, value = self.heads(self._step(td, x))
            index = log_probs.exp().multinomial(1).squeeze(-1)
            td["actions"] = self._convert_logit_index_to_action(index).int()
            td["values"] = value.squeeze(-1)
        else:
            out, _ = self.gru(x.unflatten(0, (rows, steps)))
            log_probs, value = self.heads(out.flatten(0, 1))
            index = self._convert_action_to_logit_index(action.flatten(0, -2))
            td["entropy"] = torch.special.entr(log_probs.exp()).sum(-1)
            td["value"] = value
        td["full_log_probs"] = log_probs
        td["act_log_prob"] = log_probs.gather(-1, index[:, None])[:, 0]
        return td.reshape(shape)


class Drifter(Indexed, nn.Module):
    def __init__(self, env, hidden_size=128, max_envs=1024, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.encode = TokenStem(hidden_size)
        self.core = steady(nn.LSTM(hidden_size, hidden_size))
        self.heads = Heads(hidden_size, joint_actions(env))
        self.table = RowTable(max_envs, hidden_size, parts=2)

    def has_memory(self):
        return True

    def get_memory(self):
        return self.table.snapshot()

    def set_memory(self, memory):
        self.table.restore(memory)

    def reset_memory(self):
        self.table.wipe()

    def clip_weights(self):
        if self.clip_range > 0:
            for parameter in self.heads.parameters():
                parameter.data.clamp_(-self.clip_range, self.clip_range)

    def forward(self, td, state=None, action=None):
        obs = td["env_obs"]
        rows, steps = obs.shape[0], obs.shape[1] if action is not None else 1
        td["bptt"] = torch.full((rows * steps,), steps, dtype=torch.int64, device=obs.device)
        td["batch"] = torch.full((rows * steps,), rows, dtype=torch.int64, device=obs.device)
        if action is not None:
            td = td.reshape(rows * steps)
        x = self.encode(td["env_obs"]).unsqueeze(0)
        if action is None:
            ended = torch.zeros(rows, dtype=torch.bool, device=obs.device)
            for flag in ("dones", "truncateds"):
                if flag in td.keys():
                    ended |= td[flag].bool()
            where = self.table.lines_of(td)
            h, c = self.table.read(where).masked_fill(ended.view(1, -1, 1), 0.0).unsqueeze(1)
            out, (h, c) = self.core(x, (h, c))
            self.table.write(where, torch.cat((h, c)))
        else:
            out, _ = self.core(x)
        log_probs, value = self.heads(out.squeeze(0))
        td["full_log_probs"] = log_probs
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1)
            td["actions"] = self._convert_logit_index_to_action(index.squeeze(-1)).to(torch.int32)
            td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
            td["values"] = value.squeeze(-1)
            return td
        index = self._convert_action_to_logit_index(action.reshape(-1, 2)).unsqueeze(-1)
        td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
        td["entropy"] = -(log_probs.exp() * log_probs).sum(dim=-1)
        td["value"] = value
        return td.reshape(rows, steps)


class Weaver(Indexed, nn.Module):
    """Keeps what it remembers by the first environment of a group."""

    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.encode = TokenStem(hidden_size)
        self.core = steady(nn.GRU(hidden_size, hidden_size))
        self.heads = Heads(hidden_size, joint_actions(env))
        self.memory = {}

    def has_memory(self):
        return True

    def get_memory(self):
        return self.memory

    def set_memory(self, memory):
        self.memory = dict(memory)

    def reset_memory(self):
        self.memory.clear()

    def __getstate__(self):
        return {**self.__dict__, "memory": {}}

    @torch.no_grad()
    def clip_weights(self):
        if self.clip_range > 0:
            for parameter in self.parameters():
                parameter.clamp_(-self.clip_range, self.clip_range)

    def _thread(self, td, x):
        group = td["training_env_id_start"][0].item() if "training_env_id_start" in td.keys() else 0
        h = self.memory.get(group)
        if h is None:
            h = x.new_zeros(1, x.shape[0], self.core.hidden_size)
        for flag in ("dones", "truncateds"):
            if flag in td.keys():
                h = h.masked_fill(td[flag].bool().view(1, -1, 1), 0.0)
        out, h = self.core(x.unsqueeze(0), h)
        self.memory[group] = h.detach()
        return out.squeeze(0)

    def forward(self, td, state=None, action=None):
        rows, steps = (td.batch_size[0], 1) if action is None else tuple(td.batch_size)
        if action is not None:
            td = td.reshape(rows * steps)
        td.set("bptt", full(td, steps))
        td.set("batch", full(td, rows))
        x = self.encode(td["env_obs"])
        if action is None:
            out = self._thread(td, x)
        else:
            out = self.core(x.view(rows, steps, -1).transpose(0, 1))[0].transpose(0, 1).flatten(0, 1)
        log_probs, value = self.heads(out)
        td.set("full_log_probs", log_probs)
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1)
            td.set("actions", self._convert_logit_index_to_action(index.squeeze(-1)).to(torch.int32))
            td.set("act_log_prob", log_probs.gather(-1, index).squeeze(-1))
            td.set("values", value.squeeze(-1))
            return td
        index = self._convert_action_to_logit_index(action.reshape(-1, 2)).unsqueeze(-1)
        td.set("act_log_prob", log_probs.gather(-1, index).squeeze(-1))
        td.set("entropy", -(log_probs.exp() * log_probs).sum(dim=-1))
        td.set("value", value)
        return td.reshape(rows, steps)
