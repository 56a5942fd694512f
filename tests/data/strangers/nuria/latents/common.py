import torch
import torch.nn as nn
from tensordict import TensorDict


class Keeper(object):
    """Remembers the LSTM state of every environment row between two calls."""

    def __init__(self, layers, width, slots):
        self.layers = layers
        self.width = width
        self.slots = slots
        self.table = None

    def _open(self, device):
        if self.table is None or self.table.get("h").device != device:
            empty = torch.zeros(self.slots, self.layers, self.width, device=device)
            self.table = TensorDict({"h": empty, "c": empty.clone()}, batch_size=[self.slots])
        return self.table

    @staticmethod
    def ids(td, rows, device):
        ids = torch.arange(rows, device=device)
        if "training_env_id_start" in td.keys():
            ids = ids + td["training_env_id_start"].reshape(-1)[0]
        return ids

    def fetch(self, td, ids):
        state = self._open(ids.device)[ids]
        keep = torch.ones(ids.shape[0], 1, 1, device=ids.device)
        for flag in ("dones", "truncateds"):
            if flag in td.keys():
                keep = keep * (1.0 - td[flag].reshape(-1, 1, 1).float())
        h = (state["h"] * keep).transpose(0, 1).contiguous()
        c = (state["c"] * keep).transpose(0, 1).contiguous()
        return h, c

    def keep(self, ids, h, c):
        rows = {"h": h.detach().transpose(0, 1), "c": c.detach().transpose(0, 1)}
        self._open(ids.device)[ids] = TensorDict(rows, batch_size=[ids.shape[0]])

    def __getstate__(self):
        return dict(self.__dict__, table=None)


class Remembers(object):
    """The trainer's view of a policy's keeper."""

    def has_memory(self):
        return True

    def get_memory(self):
        return None if self.keeper.table is None else self.keeper.table.clone()

    def set_memory(self, memory):
        self.keeper.table = None if memory is None else memory.clone()

    def reset_memory(self):
        self.keeper.table = None


class JointActions(object):
    """`cum_action_max_params` and `action_index_tensor` come from the trainer."""

    def _convert_action_to_logit_index(self, action):
        kind = action[:, 0].long()
        return kind + self.cum_action_max_params[kind] + action[:, 1].long()

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index].to(torch.int32)


class Bounded(object):
    def clip_weights(self):
        if self.clip_range > 0:
            with torch.no_grad():
                for module in self.modules():
                    if isinstance(module, (nn.Linear, nn.Embedding)):
                        module.weight.clamp_(-self.clip_range, self.clip_range)


def start_core(lstm):
    for name, parameter in lstm.named_parameters():
        if name.startswith("bias"):
            nn.init.constant_(parameter, 1)
        else:
            nn.init.orthogonal_(parameter, gain=1)
    return lstm


def stamped(td, steps, rows):
    total = steps * rows
    device = td["env_obs"].device
    td.set("bptt", torch.full([total], steps, dtype=torch.long, device=device))
    td.set("batch", torch.full([total], rows, dtype=torch.long, device=device))
    return td


def refuse(options):
    if options:
        raise TypeError("unknown options: " + ", ".join(sorted(options)))
