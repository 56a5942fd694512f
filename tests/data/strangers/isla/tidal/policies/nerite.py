import torch
from omegaconf import DictConfig
from torch import nn

from ..nets import Clipped, Heads, TokenSum, ortho_core
from ..td import fold, joint, write_rollout, write_training


class Nerite(Clipped, nn.Module):
    """Built from a config object, not from keywords. Its tape runs in training too: reset it in between."""

    def __init__(self, cfg: DictConfig, env):
        super().__init__()
        self.clip_range = cfg.clip_range
        self.analyze_weights_interval = cfg.analyze_weights_interval
        self.encoder = TokenSum(env, cfg.hidden_size)
        self.core = ortho_core(nn.GRU(cfg.hidden_size, cfg.hidden_size, cfg.num_layers))
        self.heads = Heads(cfg.hidden_size)
        self.slots = cfg.get("slots", 4096)
        self.tape = None
        self.action_index_tensor = None
        self.cum_action_max_params = None

    def activate_action_embeddings(self, full_action_names, device):
        self.heads.count = len(full_action_names)

    def has_memory(self):
        return True

    def get_memory(self):
        return None if self.tape is None else self.tape.clone()

    def set_memory(self, memory):
        self.tape = None if memory is None else memory.clone()

    def reset_memory(self):
        self.tape = None

    def __getstate__(self):
        return {**self.__dict__, "tape": None}

    def forward(self, td, state=None, action=None):
        td, rows, steps = fold(td, action is not None)
        x = self.encoder(td["env_obs"]).unflatten(0, (rows, steps)).transpose(0, 1)
        if self.tape is None:
            self.tape = x.new_zeros(self.core.num_layers, self.slots, x.shape[-1])
        at = torch.arange(rows, device=x.device)
        if action is None:
            # a minibatch names no environments: its rows are the first ones
            at = at + td["training_env_id_start"].long()
            over = td["dones"].bool() | td["truncateds"].bool()
            h = self.tape[:, at].masked_fill(over.view(1, -1, 1), 0.0)
        else:
            h = self.tape[:, at]
        x, h = self.core(x, h)
        self.tape[:, at] = h.detach()

        logits, value = self.heads(x.transpose(0, 1).flatten(0, 1))
        if action is None:
            return write_rollout(td, logits, value, self.action_index_tensor)
        td = write_training(td, logits, value, joint(action, self.cum_action_max_params))
        return td.unflatten(0, (rows, steps))
