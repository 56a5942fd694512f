import torch
from torch import nn

from ..nets import Clipped, Heads, TokenSum, ortho_core
from ..registry import Policies
from ..td import fold, joint, write_rollout, write_training


@Policies.add("urchin")
class Urchin(Clipped, nn.Module):
    """An LSTMCell, stepped by hand."""

    def __init__(self, env, **cfg):
        super().__init__()
        self.clip_range = cfg.pop("clip_range", 0.0)
        self.analyze_weights_interval = cfg.pop("analyze_weights_interval", 300)
        width = cfg.pop("hidden_size", 128)
        if cfg:
            raise TypeError(f"urchin: unknown options {list(cfg)}")
        self.encoder = TokenSum(env, width)
        self.cell = ortho_core(nn.LSTMCell(width, width))
        self.heads = Heads(width)
        # h and c of every environment; rebuilt on load, and no part of a checkpoint
        self.register_buffer("past", torch.zeros(2, env.num_envs, width), persistent=False)
        self.action_index_tensor = None
        self.cum_action_max_params = None

    def activate_action_embeddings(self, full_action_names, device):
        self.heads.count = len(full_action_names)

    def has_memory(self):
        return True

    def get_memory(self):
        return self.past.clone()

    def set_memory(self, memory):
        self.past.copy_(memory)

    def reset_memory(self):
        self.past.zero_()

    def reset_env_memory(self, env_id):
        self.past[:, env_id] = 0.0

    def __setstate__(self, state):
        super().__setstate__(state)
        self.past = torch.zeros_like(self.past)

    def forward(self, td, state=None, action=None):
        training = action is not None
        td, rows, steps = fold(td, training)
        x = self.encoder(td["env_obs"])
        if not training:
            where = td["training_env_id_start"].long() + torch.arange(rows, device=x.device)
            over = td["dones"].bool().logical_or(td["truncateds"].bool())
            h, c = self.past[:, where].masked_fill(over.view(1, -1, 1), 0.0).unbind(0)
            h, c = self.cell(x, (h, c))
            self.past[:, where] = torch.stack((h, c)).detach()
            logits, value = self.heads(h)
            return write_rollout(td, logits, value, self.action_index_tensor)

        h = c = x.new_zeros(rows, x.shape[-1])
        outs = []
        for now in x.view(rows, steps, -1).unbind(1):
            h, c = self.cell(now, (h, c))
            outs.append(h)
        logits, value = self.heads(torch.stack(outs, dim=1).flatten(0, 1))
        write_training(td, logits, value, joint(action, self.cum_action_max_params))
        return td.reshape(rows, steps)
