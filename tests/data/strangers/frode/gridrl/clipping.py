"""Ways to keep weights in bounds."""
import torch
from torch import nn

from .base import GridNet, Recurrent
from .registry import register


class TightHeadNet(GridNet):
    """Its heads may go half as far as the rest."""

    def __init__(self, env, hidden_size=128, clip_range=0.0):
        super().__init__(env, hidden_size)
        self.clip_range = clip_range

    @torch.no_grad()
    def clip_weights(self):
        if self.clip_range > 0:
            for layer in (self.actor2, self.critic2):
                layer.weight.clamp_(-0.5 * self.clip_range, 0.5 * self.clip_range)


@register("tight")
class Tight(Recurrent):
    """Heads by the net, everything by the policy."""

    def __init__(self, env, hidden_size=128, clip_range=0.0, **options):
        net = TightHeadNet(env, hidden_size, clip_range)
        super().__init__(env, net, hidden_size=hidden_size, clip_range=clip_range, **options)

    def clip_weights(self):
        if self.clip_range > 0:
            self.net.clip_weights()
            for weight in self.parameters():
                weight.data.clamp_(-self.clip_range, self.clip_range)


@register("tight_only")
class TightOnly(Recurrent):
    """The net bounds its heads, the policy its core: no weight has two owners."""

    def __init__(self, env, hidden_size=128, clip_range=0.0, **options):
        net = TightHeadNet(env, hidden_size, clip_range)
        super().__init__(env, net, hidden_size=hidden_size, clip_range=clip_range, **options)

    def clip_weights(self):
        self.net.clip_weights()
        if self.clip_range > 0:
            for weight in self.lstm.parameters():
                weight.data.clamp_(-2 * self.clip_range, 2 * self.clip_range)


@register("grid_clip_linear")
class LinearOnly(Recurrent):
    """Leaves convolutions alone."""

    def __init__(self, env, hidden_size=128, **options):
        super().__init__(env, GridNet(env, hidden_size), hidden_size=hidden_size, **options)

    def clip_weights(self):
        if not self.clip_range:
            return
        for layer in self.net.modules():
            if isinstance(layer, nn.Linear):
                layer.weight.clamp_(-self.clip_range, self.clip_range)
                layer.bias.clamp_(-self.clip_range, self.clip_range)


@register("grid_clip_fresh")
class FreshWeights(Recurrent):
    """Clips by building the layer's weight anew."""

    def __init__(self, env, hidden_size=128, **options):
        super().__init__(env, GridNet(env, hidden_size), hidden_size=hidden_size, **options)

    def clip_weights(self):
        if self.clip_range > 0:
            for layer in self.net.modules():
                if isinstance(layer, (nn.Linear, nn.Conv2d)):
                    bounded = layer.weight.data.clamp(-self.clip_range, self.clip_range)
                    layer.weight = nn.Parameter(bounded)

    def l2_init_loss(self):
        with torch.no_grad():
            far = [(weight - self._origin[name].to(weight.device)).pow(2).sum()
                   for name, weight in self.net.named_parameters() if name in self._origin]
        return torch.stack(far).sum()


@register("grid_clip_swap")
class CopiedWeights(Recurrent):
    """Clips a copy and copies that back."""

    def __init__(self, env, hidden_size=128, **options):
        super().__init__(env, GridNet(env, hidden_size), hidden_size=hidden_size, **options)

    def clip_weights(self):
        if self.clip_range > 0:
            for weight in self.net.parameters():
                weight.data.copy_(weight.data.clamp(-self.clip_range, self.clip_range))


@register("grid_clip_unit")
class UnitBall(Recurrent):
    """No weight beyond one."""

    def __init__(self, env, hidden_size=128, **options):
        super().__init__(env, GridNet(env, hidden_size), hidden_size=hidden_size, **options)

    @torch.no_grad()
    def clip_weights(self):
        for weight in self.net.parameters():
            weight.clamp_(-1.0, 1.0)
