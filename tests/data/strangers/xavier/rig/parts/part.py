import torch
from torch import nn


class Part(nn.Module):
    """A node of the graph. `setup` is called when the sources are known."""

    def __init__(self, name, sources=None, nn_params=None, **_):
        super().__init__()
        self.name = name
        self.sources = [s["name"] for s in sources or []]
        self.nn_params = dict(nn_params or {})
        self.out_size = None

    def setup(self, sizes):
        self.out_size = self.build(sizes)

    def build(self, sizes):
        raise NotImplementedError

    def clip_weights(self):
        pass


class WeightedPart(Part):
    def __init__(self, name, clip_scale=1.0, l2_init_scale=1.0, clip_range=0.0, **rest):
        super().__init__(name, **rest)
        self.clip_value = clip_range * clip_scale
        self.l2_init_scale = l2_init_scale

    def remember(self):
        self.start = [p.detach().clone() for p in self.net.parameters()]

    def l2_init_loss(self):
        gaps = [((p.data - s) ** 2).sum() for p, s in zip(self.net.parameters(), self.start)]
        return self.l2_init_scale * torch.stack(gaps).sum()

    def clip_weights(self):
        if self.clip_value > 0:
            with torch.no_grad():
                for p in self.net.parameters():
                    p.clamp_(-self.clip_value, self.clip_value)
