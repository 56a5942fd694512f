import torch
from torch import nn

from .base import Component


class LSTM(Component):
    """Remembers per environment while it acts; training starts every segment from nothing."""

    def make_net(self):
        net = nn.LSTM(self.in_shapes[0][0], **self.nn_params)
        for key, weight in net.named_parameters():
            nn.init.constant_(weight, 1.0) if "bias" in key else nn.init.orthogonal_(weight, 1.0)
        self.out_shape = [net.hidden_size]
        self.memory = None
        return net

    def reset_memory(self):
        self.memory = None

    def __getstate__(self):
        return {**self.__dict__, "memory": None}

    def compute(self, td, fold):
        x = td[self.sources[0]].view(fold.rows, fold.steps, -1).transpose(0, 1)
        x = self.step(td, x, fold.rows) if fold.acting else self.net(x)[0]
        td[self.name] = x.transpose(0, 1).flatten(0, 1)
        return td

    def step(self, td, x, rows):
        if self.memory is None:
            shape = (2, self.net.num_layers, self.env_info.num_envs, self.net.hidden_size)
            self.memory = x.new_zeros(shape)
        which = torch.arange(rows, device=x.device) + td["training_env_id_start"].view(-1).long()
        fresh = torch.logical_or(td["dones"].bool(), td["truncateds"].bool())
        h, c = self.memory[:, :, which].masked_fill(fresh.view(1, 1, -1, 1), 0.0)
        x, (h, c) = self.net(x, (h.contiguous(), c.contiguous()))
        self.memory[:, :, which] = torch.stack([h, c]).detach()
        return x
