"""Ways to bring the numbers of an observation to one scale."""
import torch
from torch import nn
from torch.nn import functional as F

from .base import OBS, GridNet, Recurrent
from .registry import register


class FlatNet(GridNet):
    """No box: tokens side by side, through two layers."""

    def make_encoder(self, env):
        self.tokens = env.single_observation_space.shape[0]
        self.first = nn.Linear(self.tokens * 3, 256)
        self.fc = nn.Linear(256, self.features_out)

    def scaled(self, observations):
        return observations.float() / 255

    def encode_observations(self, observations, state=None):
        z = F.relu(self.first(self.scaled(observations).flatten(1)))
        return F.relu(self.fc(z))


class GuessScaleNet(FlatNet):
    """For wrappers that already divide."""

    def scaled(self, observations):
        x = observations.float()
        if x.max() > 1.0:
            x = x / 255.0
        return x


class DtypeScaleNet(FlatNet):
    """For wrappers that already divide, told by what they give."""

    def scaled(self, observations):
        if observations.dtype == torch.uint8:
            return observations.float() / 255.0
        return observations.float()


class StandardNet(FlatNet):
    """Zero mean, unit variance."""

    def scaled(self, observations):
        x = observations.float()
        return (x - x.mean()) / (x.std() + 1e-6)


class RowStandardNet(FlatNet):
    """Zero mean, unit variance, within an observation."""

    def scaled(self, observations):
        x = observations.float()
        centre = x.mean(dim=(1, 2), keepdim=True)
        spread = x.std(dim=(1, 2), keepdim=True)
        return (x - centre) / (spread + 1e-6)


class FeatureScaleNet(FlatNet):
    """Values by the scale of their feature, before anything else."""

    def __init__(self, env, hidden_size=128):
        super().__init__(env, hidden_size)
        factors = [env.feature_normalizations.get(i, 1.0) or 1.0 for i in range(256)]
        self.factors = torch.tensor(factors)

    def scaled(self, observations):
        tokens = observations.clone()
        kind = tokens[..., 1].long()
        tokens[..., 2] = tokens[..., 2] / self.factors[kind]
        return tokens.float() / 255


class FeatureScaleNet2(FlatNet):
    """Second version, for the long runs."""

    def __init__(self, env, hidden_size=128):
        super().__init__(env, hidden_size)
        factors = [env.feature_normalizations.get(i, 1.0) or 1.0 for i in range(256)]
        self.factors = torch.tensor(factors)

    def scaled(self, observations):
        tokens = observations.float()
        factors = self.factors.to(observations.device)
        tokens[..., 2] = tokens[..., 2] / factors[observations[..., 1].long()]
        return tokens / 255


class Scaled(Recurrent):
    net_class = FlatNet

    def __init__(self, env, hidden_size=128, **options):
        super().__init__(env, self.net_class(env, hidden_size), hidden_size=hidden_size, **options)


@register("flat_guess")
class GuessScale(Scaled):
    net_class = GuessScaleNet


@register("flat_dtype")
class DtypeScale(Scaled):
    net_class = DtypeScaleNet


@register("flat_standard")
class Standard(Scaled):
    net_class = StandardNet


@register("flat_row_standard")
class RowStandard(Scaled):
    net_class = RowStandardNet


@register("flat_feature")
class FeatureScale(Scaled):
    net_class = FeatureScaleNet


@register("flat_feature2")
class FeatureScale2(Scaled):
    net_class = FeatureScaleNet2


@register("flat_amp")
class HalfPrecision(Scaled):
    """Encoder and heads in bfloat16 where there is a GPU, the core always in full."""

    def forward(self, td, state=None, action=None):
        where = td[OBS].device.type
        with torch.autocast(where, dtype=torch.bfloat16, enabled=where == "cuda"):
            return super().forward(td, state, action)

    def core(self, td, z, B, T, acting):
        with torch.autocast(z.device.type, enabled=False):
            return super().core(td, z.float(), B, T, acting)
