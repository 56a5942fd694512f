import torch
from torch import nn


class ClipMixin:
    """Expects ``self.clip_range``; zero or less switches clipping off."""

    clippable = (nn.Linear, nn.Conv1d, nn.Conv2d)

    def clip_weights(self):
        bound = self.clip_range
        if not bound or bound < 0:
            return
        with torch.no_grad():
            for layer in filter(lambda m: isinstance(m, self.clippable), self.modules()):
                for p in layer.parameters(recurse=False):
                    p.copy_(torch.clamp(p, min=-bound, max=bound))

    def l2_init_loss(self):
        pairs = zip(self.l2_layers, self.l2_start)
        return sum(((layer.weight - start.to(layer.weight.device)) ** 2).sum() for layer, start in pairs)

    def snapshot_l2(self):
        self.l2_layers = [m for m in self.modules() if isinstance(m, self.clippable)]
        self.l2_start = [m.weight.detach().clone() for m in self.l2_layers]
