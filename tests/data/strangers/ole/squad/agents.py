from torch import nn

from squad.nets import Contextual, Dims, Flat, Fused, Planes, Rowwise
from squad.shell import Shell


class PlanesAgent(Shell):
    def __init__(self, env, hidden_size=128, **options):
        super().__init__(env, Planes(env, hidden_size), hidden_size=hidden_size, **options)


class ContextualAgent(Shell):
    def __init__(self, env, hidden_size=128, num_layers=2, *args, **options):
        super().__init__(env, Contextual(env, hidden_size), hidden_size, num_layers, *args, **options)


class RowwiseAgent(Shell):
    """All weights orthogonal; the head is made small again at the end."""

    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300, **unknown):
        if unknown:
            raise TypeError(f"unknown options {sorted(unknown)}")
        super().__init__(
            env,
            Rowwise(env, hidden_size),
            hidden_size=hidden_size,
            clip_range=clip_range,
            analyze_weights_interval=analyze_weights_interval,
        )
        for name, weight in self.named_parameters():
            if weight.dim() > 1 and "embed" not in name:
                nn.init.orthogonal_(weight, 1.0)
        nn.init.orthogonal_(self.net.actor.weight, 0.01)


class FlatAgent(Shell):
    def __init__(self, env, hidden_size=128, num_layers=1, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(env, Flat(env, hidden_size), hidden_size=hidden_size, num_layers=num_layers)
        for weight in self.parameters():
            if weight.dim() >= 2:
                nn.init.orthogonal_(weight, 1.0)


class DimsAgent(Shell):
    def __init__(self, env, hidden_size=128, **options):
        clip_range = options.get("clip_range", 0.0)
        interval = options.get("analyze_weights_interval", 300)
        super().__init__(
            env,
            Dims(env, hidden_size),
            hidden_size=hidden_size,
            clip_range=clip_range,
            analyze_weights_interval=interval,
        )


class FusedAgent(Shell):
    def __init__(self, env, hidden_size=128, **options):
        super().__init__(env, Fused(env, hidden_size), hidden_size=hidden_size, **options)

    def clip_weights(self):
        """The table starts at 0.1, the heads do not need more than 1."""
        for weight in (self.net.query.weight, self.net.critic.weight):
            weight.data.clamp_(-1.0, 1.0)
