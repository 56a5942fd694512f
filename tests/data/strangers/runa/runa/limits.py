import torch
from torch import nn


class WeightLimits:
    """Mixin: the bound on the weights, and the pull back to where they started."""

    LIMITED = (nn.Linear, nn.Conv2d)

    def set_limits(self, clip_range, analyze_weights_interval):
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval

    def limited_weights(self):
        return {name: module.weight for name, module in self.named_modules() if isinstance(module, self.LIMITED)}

    def mark_initial_weights(self):
        self._initial = {name: weight.detach().clone() for name, weight in self.limited_weights().items()}

    def clip_weights(self):
        if not self.clip_range > 0:
            return
        for weight in self.limited_weights().values():
            weight.data.clamp_(min=-self.clip_range, max=self.clip_range)

    def l2_init_loss(self):
        pull = []
        for name, weight in self.limited_weights().items():
            pull.append(torch.sum((weight - self._initial[name].to(weight.device)) ** 2))
        return torch.stack(pull).sum()
