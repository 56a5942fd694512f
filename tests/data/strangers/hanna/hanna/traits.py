"""Traits of agents, to be mixed."""

import torch
from torch import nn


class Slots(nn.Module):
    """A few slots for states; a group of environments gets the first free one and keeps it."""

    def __init__(self, layers, rows, width, slots=8):
        super().__init__()
        self.register_buffer("owner", torch.full((slots,), -1, dtype=torch.int64), persistent=False)
        self.register_buffer("data", torch.zeros(slots, 2, layers, rows, width), persistent=False)

    def find(self, td):
        device = self.owner.device
        start = td.get("training_env_id_start", None)
        start = torch.zeros(1, dtype=torch.int64, device=device) if start is None else start[:1]
        mine = self.owner == start
        slot = torch.where(mine.any(), mine.int().argmax(), (self.owner < 0).int().argmax()).view(1)
        self.owner.index_copy_(0, slot, start)
        return slot

    def clear(self):
        self.owner.fill_(-1)
        self.data.zero_()

    def __getstate__(self):
        state = self.__dict__.copy()
        empty = {"owner": torch.full_like(self.owner, -1), "data": torch.zeros_like(self.data)}
        return {**state, "_buffers": empty}


class Remembering:
    def before(self, td):
        """The states of the rows of `td`; of those whose episode is over, zeros."""
        slot = self.slots.find(td)
        rows = td.batch_size[0]
        h, c = self.slots.data.index_select(0, slot)[0, :, :, :rows].unbind(0)
        for flag in ("dones", "truncateds"):
            if flag in td.keys():
                over = td[flag].bool().reshape(1, rows, 1)
                h, c = h.masked_fill(over, 0.0), c.masked_fill(over, 0.0)
        return h.contiguous(), c.contiguous()

    def after(self, td, state):
        h, c = state
        self.slots.data[self.slots.find(td), :, :, : td.batch_size[0]] = torch.stack([h.detach(), c.detach()])[None]

    def has_memory(self):
        return True

    def get_memory(self):
        return {name: buffer.clone() for name, buffer in self.slots.named_buffers()}

    def set_memory(self, memory):
        for name, buffer in self.slots.named_buffers():
            buffer.copy_(memory[name])

    def reset_memory(self):
        self.slots.clear()


class Choosing:
    def _convert_action_to_logit_index(self, action):
        kind, argument = action.reshape(-1, 2).long().unbind(1)
        return kind + self.cum_action_max_params[kind] + argument

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index.reshape(-1)]

    def activate_action_embeddings(self, names, device):
        self.actions = len(names)


class Clipping:
    def linear(self):
        yield from (module for module in self.modules() if isinstance(module, nn.Linear))

    @torch.no_grad()
    def clip_weights(self):
        if self.clip_range > 0.0:
            for module in self.linear():
                module.weight.clamp_(-self.clip_range, self.clip_range)


def mark(td, batch, steps):
    """What a forward says of its rows."""
    like = dict(size=(batch * steps,), dtype=torch.int64, device=td["env_obs"].device)
    td.set("bptt", torch.full(fill_value=steps, **like))
    td.set("batch", torch.full(fill_value=batch, **like))
    return td


def core(inputs, hidden_size, num_layers):
    lstm = nn.LSTM(inputs, hidden_size, num_layers)
    for weights in lstm.all_weights:
        for weight in weights:
            nn.init.orthogonal_(weight) if weight.dim() == 2 else nn.init.ones_(weight)
    return lstm
