"""Ways to write tokens into a box."""
import torch
from torch import nn
from torch.nn import functional as F

from .base import OBS, GridNet, Recurrent
from .registry import register


class FlatBoxNet(GridNet):
    """One flat index per token, as short as it goes."""

    def box(self, observations):
        n = observations.shape[0]
        coords, kind, value = observations.long().unbind(-1)
        x, y = coords >> 4, coords & 15
        area = self.wide * self.high
        spare = self.layers * area
        place = torch.where(coords != 255, kind * area + x * self.high + y, spare)
        flat = torch.zeros(n, spare + 1, device=observations.device)
        flat.scatter_(1, place, value.float())
        return flat[:, :spare].view(n, self.layers, self.wide, self.high)


class ZeroBoxNet(GridNet):
    """Masks index and value alike."""

    def make_encoder(self, env):
        super().make_encoder(env)
        self.smooth = nn.Conv2d(32, 32, 3, padding=1)

    def box(self, observations):
        n = observations.shape[0]
        coords, kind, value = observations.long().unbind(-1)
        x, y = coords >> 4, coords & 15
        ok = (coords != 255) & (x < self.wide) & (y < self.high) & (kind < self.layers)
        place = kind * self.wide * self.high + x * self.high + y
        place = torch.where(ok, place, 0)
        value = torch.where(ok, value, 0)
        flat = torch.zeros(n, self.layers * self.wide * self.high, device=observations.device)
        flat.scatter_(1, place, value.float())
        return flat.view(n, self.layers, self.wide, self.high)

    def encode_observations(self, observations, state=None):
        z = self.conv1(self.box(observations) / self.scale)
        z = F.relu(self.smooth(z))
        z = F.relu(self.conv2(z))
        return F.relu(self.fc(z.flatten(1)))


class SumBoxNet(GridNet):
    """Tokens add up in their cell; what is rejected adds nothing."""

    def box(self, observations):
        n = observations.shape[0]
        coords, kind, value = observations.long().unbind(-1)
        x, y = coords >> 4, coords & 15
        ok = (coords != 255) & (x < self.wide) & (y < self.high) & (kind < self.layers)
        place = torch.where(ok, (kind * self.wide + x) * self.high + y, 0)
        value = torch.where(ok, value.float(), 0.0)
        flat = value.new_zeros(n, self.layers * self.wide * self.high)
        flat.scatter_add_(1, place, value)
        return flat.view(n, self.layers, self.wide, self.high)


class RoomyBoxNet(GridNet):
    """A box in which every byte has its place: 256 kinds on 16 by 16 cells."""

    def make_encoder(self, env):
        self.shrink = nn.Conv2d(256, 16, 1)
        self.conv2 = nn.Conv2d(16, 32, 5, 3)
        self.fc = nn.Linear(32 * 4 * 4, self.features_out)

    def encode_observations(self, observations, state=None):
        n = observations.shape[0]
        coords, kind = observations[..., 0].long(), observations[..., 1].long()
        there = (coords != 255).float()
        box = torch.zeros(n, 256, 16, 16, device=observations.device)
        row = torch.arange(n, device=observations.device).unsqueeze(1).expand_as(coords)
        box.index_put_((row, kind, coords >> 4, coords & 15),
                       observations[..., 2].float() / 255 * there, accumulate=True)
        z = F.relu(self.shrink(box))
        z = F.relu(self.conv2(z))
        return F.relu(self.fc(z.flatten(1)))


class ClampedBoxNet(GridNet):
    """Tokens beyond the rim are drawn on the rim, unknown kinds on a layer of their own."""

    def make_encoder(self, env):
        self.conv1 = nn.Conv2d(self.layers + 1, 32, 5, 3)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.fc = nn.Linear(64, self.features_out)

    def encode_observations(self, observations, state=None):
        n = observations.shape[0]
        coords = observations[..., 0].long()
        kind = observations[..., 1].long().clamp(max=self.layers)
        kind = torch.where(coords == 255, self.layers, kind)
        x = (coords >> 4).clamp(max=self.wide - 1)
        y = (coords & 15).clamp(max=self.high - 1)
        box = torch.zeros(n, self.layers + 1, self.wide, self.high, device=observations.device)
        row = torch.arange(n, device=observations.device)[:, None]
        box[row, kind, x, y] = observations[..., 2].float() / 255
        z = F.relu(self.conv1(box))
        z = F.relu(self.conv2(z))
        return F.relu(self.fc(z.flatten(1)))


class CellBoxNet(GridNet):
    """Writes cell by cell, with advanced indexing."""

    def make_encoder(self, env):
        self.conv1 = nn.Conv2d(22, 32, 5, 3)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.fc = nn.Linear(64, self.features_out)

    def encode_observations(self, observations, state=None):
        n, m = observations.shape[:2]
        coords, kind, value = observations.long().unbind(-1)
        x, y = coords >> 4, coords & 15
        ok = (coords != 255) & (x < 11) & (y < 11) & (kind < 22)
        row = torch.arange(n).unsqueeze(1).expand(n, m)
        box = torch.zeros(n, 22, 11, 11, device=observations.device)
        box[row[ok], kind[ok], x[ok], y[ok]] = value[ok].float() / 255
        z = F.relu(self.conv1(box))
        z = F.relu(self.conv2(z))
        return F.relu(self.fc(z.flatten(1)))


def _policy(name, net):
    @register(name)
    class Boxed(Recurrent):
        reads = OBS

        def __init__(self, env, hidden_size=128, **options):
            super().__init__(env, net(env, hidden_size), hidden_size=hidden_size, **options)

    Boxed.__name__ = Boxed.__qualname__ = net.__name__.replace("Net", "")
    return Boxed


@register("flat_box")
class FlatBox(Recurrent):
    def __init__(self, env, hidden_size=128, **options):
        super().__init__(env, FlatBoxNet(env, hidden_size), hidden_size=hidden_size, **options)


@register("zero_box")
class ZeroBox(Recurrent):
    def __init__(self, env, hidden_size=128, **options):
        super().__init__(env, ZeroBoxNet(env, hidden_size), hidden_size=hidden_size, **options)


@register("sum_box")
class SumBox(Recurrent):
    def __init__(self, env, hidden_size=128, **options):
        super().__init__(env, SumBoxNet(env, hidden_size), hidden_size=hidden_size, **options)


@register("cell_box")
class CellBox(Recurrent):
    def __init__(self, env, hidden_size=128, **options):
        super().__init__(env, CellBoxNet(env, hidden_size), hidden_size=hidden_size, **options)


RoomyBox = _policy("roomy_box", RoomyBoxNet)
ClampedBox = _policy("clamped_box", ClampedBoxNet)
