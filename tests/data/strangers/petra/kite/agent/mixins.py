"""What all of our policies share. Every mixin calls on to the next one."""

import torch
from torch import nn


class HookMixin:
    """Functions of (policy, TensorDict) that are called at named moments."""

    def add_hook(self, moment, hook):
        self.__dict__.setdefault("_kite_hooks", {}).setdefault(moment, []).append(hook)

    def fire(self, moment, td):
        for hook in self.__dict__.get("_kite_hooks", {}).get(moment, ()):
            hook(self, td)


class StampMixin:
    def flatten_td(self, td):
        """A TensorDict of rows with its stamps, and how many rows and steps it had."""
        batch, bptt = td.batch_size if td.batch_dims == 2 else (*td.batch_size, 1)
        if td.batch_dims == 2:
            td = td.reshape(batch * bptt)
        ones = torch.ones(batch * bptt, dtype=torch.int64, device=td["env_obs"].device)
        td["bptt"], td["batch"] = ones * bptt, ones * batch
        return td, batch, bptt

    def restore_td(self, td, batch, bptt, training):
        return td.reshape(batch, bptt) if training else td


class BankMixin:
    """States of all environments, in a tensor [2, layers, environments, hidden]."""

    bank = None

    def has_memory(self):
        return True

    def get_memory(self):
        return self.bank if self.bank is None else self.bank.clone()

    def set_memory(self, memory):
        self.bank = memory if memory is None else memory.clone()

    def reset_memory(self):
        self.bank = None

    def reset_env_memory(self, env_id):
        if self.bank is not None:
            self.bank[:, :, env_id] = 0.0

    def __getstate__(self):
        state = dict(self.__dict__)
        state.pop("bank", None)
        return state

    def read_bank(self, td, like):
        if self.bank is None:
            core = self.lstm
            self.bank = like.new_zeros(2, core.num_layers, self.max_envs, core.hidden_size)
        h, c = self.bank[:, :, self.env_rows(td)]
        over = torch.maximum(td["dones"].float(), td["truncateds"].float()).view(1, -1, 1)
        return h * (1 - over), c * (1 - over)

    def write_bank(self, td, state):
        with torch.no_grad():
            self.bank[:, :, self.env_rows(td)] = torch.stack([part.detach() for part in state])

    def env_rows(self, td):
        first = td["training_env_id_start"].flatten()
        return first + torch.arange(len(first), device=first.device)


class ClipMixin:
    def __init__(self, clip_range=0.0, analyze_weights_interval=300, **unknown):
        super().__init__()
        if unknown:
            raise ValueError(f"{type(self).__name__} has no options {sorted(unknown)}")
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval

    def clip_weights(self):
        if not self.clip_range:
            return
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                module.weight.data.clamp_(min=-self.clip_range, max=self.clip_range)
