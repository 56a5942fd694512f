import torch
from torch import nn


class Patch(nn.Module):
    """Box by index_put_, then a CNN."""

    def __init__(self, env, width):
        super().__init__()
        norms = env.feature_normalizations
        self.k = max(norms) + 1
        self.w, self.h = env.obs_width, env.obs_height
        self.register_buffer("inv", torch.tensor([1.0 / norms.get(i, 1.0) for i in range(self.k)]).view(-1, 1, 1))
        self.net = nn.Sequential(
            nn.Conv2d(self.k, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, stride=2), nn.ReLU(), nn.Flatten(),
            nn.LazyLinear(width), nn.ReLU(),
        )

    def forward(self, obs):
        c, a, v = obs[..., 0].int(), obs[..., 1].long(), obs[..., 2].float()
        x, y = torch.div(c, 16, rounding_mode="floor").long(), torch.remainder(c, 16).long()
        good = c.ne(255) & a.lt(self.k) & x.lt(self.w) & y.lt(self.h)
        n = torch.arange(obs.shape[0], device=obs.device).view(-1, 1).expand_as(x)
        box = torch.zeros((obs.shape[0], self.k, self.w, self.h), device=obs.device)
        box = box.index_put((n[good], a[good], x[good], y[good]), v[good])
        return self.net(box * self.inv)


class Smear(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weights = torch.linspace(1.0, 0.1, 200)
        self.inner = nn.Linear(3, 64)
        self.outer = nn.Linear(64, width)

    def forward(self, obs):
        obs.masked_fill_(obs == 255, 0)
        scaled = torch.empty_like(obs)
        scaled[..., 1:] = obs[..., 1:] / 255
        x = self.outer(self.inner(scaled.float()))
        return torch.relu((x * self.weights[None, :, None]).sum(1))
