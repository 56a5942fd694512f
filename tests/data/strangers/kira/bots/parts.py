# helpers for all bots
import torch
import torch.nn as nn


def ortho(rnn, bias=1.0):
    for n, p in rnn.named_parameters():
        if "bias" in n:
            torch.nn.init.constant_(p, bias)
        else:
            torch.nn.init.orthogonal_(p)
    return rnn


class Clipped:
    """adds clip_weights / l2_init_loss to a module"""

    clip_range = 0.0

    def clip_weights(self):
        if self.clip_range > 0:
            for m in self.modules():
                if isinstance(m, (nn.Linear, nn.Conv2d, nn.Conv1d)):
                    m.weight.data.clamp_(-self.clip_range, self.clip_range)
                    if m.bias is not None:
                        m.bias.data.clamp_(-self.clip_range, self.clip_range)

    def remember_weights(self):
        self.w0 = {n: p.detach().clone() for n, p in self.named_parameters() if p.ndim > 1}

    def l2_init_loss(self):
        loss = 0.0
        for n, p in self.named_parameters():
            if n in self.w0:
                loss = loss + ((p - self.w0[n].to(p.device)) ** 2).sum()
        return loss


class Frozen(Clipped):
    """the same, as it was before I learnt about .data"""

    def l2_init_loss(self):
        loss = 0.0
        for n, p in self.named_parameters():
            if n in self.w0:
                loss = loss + ((p.data - self.w0[n]) ** 2).sum().item()
        return loss

    def clip_weights(self):
        for m in self.modules():
            if isinstance(m, nn.Linear):
                m.weight.data = m.weight.data.clamp(-0.25, 0.25)


class Memory:
    """h of each env group. a plain python object, on purpose: modules would put it into the state_dict"""

    def __init__(self, layers, width):
        self.layers, self.width = layers, width
        self.h = {}

    def __getstate__(self):
        return {"layers": self.layers, "width": self.width, "h": {}}

    def get(self, group, rows, like):
        if group not in self.h:
            self.h[group] = torch.zeros(self.layers, rows, self.width, dtype=like.dtype, device=like.device)
        return self.h[group]

    def put(self, group, h):
        self.h[group] = h.detach()

    def clear(self):
        self.h = {}


class LeakyMemory(Memory):
    def put(self, group, h):
        self.h[group] = h
