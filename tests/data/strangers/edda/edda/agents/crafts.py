"""How weights are held together."""

import torch

from edda.agents.folk import Settler
from edda.registry import register


@register("smith")
class Smith(Settler):
    """One fused clamp for all layers."""

    def clip_weights(self):
        if not self.clip_range:
            return
        weights = [layer.weight.data for layer in self.affine()]
        torch._foreach_clamp_max_(weights, self.clip_range)
        torch._foreach_clamp_min_(weights, -self.clip_range)


@register("monk")
class Monk(Settler):
    """Bounds each layer by how large it started."""

    def __init__(self, env, clip_scale=1.0, **options):
        super().__init__(env, **options)
        self.clip_scale = clip_scale
        self.bounds = [self.clip_range * clip_scale * float(w.abs().max()) for w in self.initial]

    def clip_weights(self):
        if self.clip_range <= 0:
            return None
        with torch.no_grad():
            for layer, bound in zip(self.affine(), self.bounds):
                layer.weight.clamp_(-bound, bound)


@register("miner")
class Miner(Settler):
    @torch.no_grad()
    def clip_weights(self):
        if self.clip_range > 0:
            for name, weight in self.named_parameters():
                if name.endswith("weight"):
                    weight.clamp(-self.clip_range, self.clip_range)


@register("guard")
class Guard(Settler):
    def clip_weights(self):
        if self.clip_range <= 0:
            return
        for layer in self.affine():
            layer.weight.clamp_(min=-self.clip_range, max=self.clip_range)


@register("keep")
class Keep(Settler):
    """Nothing in a keep may grow beyond one."""

    @torch.no_grad()
    def clip_weights(self):
        super().clip_weights()
        for weight in self.parameters():
            weight.clamp_(-1.0, 1.0)


@register("bard")
class Bard(Settler):
    def __init__(self, env, l2_scale=1.0, **options):
        super().__init__(env, **options)
        self.l2_scale = l2_scale

    def l2_init_loss(self):
        total = 0.0
        for layer, first in zip(self.affine(), self.initial):
            drift = layer.weight.data - first.to(layer.weight.device)
            total = total + self.l2_scale * drift.pow(2).sum()
        return total
