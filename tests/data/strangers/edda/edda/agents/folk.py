"""The agents that configs name."""

import inspect
import warnings

from edda.base import Agent
from edda.nets import BoxNet, TokenNet
from edda.registry import register


@register("settler")
class Settler(Agent):
    def __init__(self, env, width=128, hidden_size=128, embed_dim=16, **options):
        super().__init__(env, TokenNet(env, width, hidden_size, embed_dim), hidden_size, **options)


@register("scout")
class Scout(Agent):
    """A small one, for quick looks."""

    def __init__(self, env, width=64, hidden_size=64, clip_range=0.0, num_layers=1, **options):
        net = TokenNet(env, width, hidden_size, embed_dim=8, token_dim=12)
        super().__init__(env, net, hidden_size=hidden_size, num_layers=num_layers, **options)


@register("raider")
class Raider(Agent):
    def __init__(self, env, width=128, hidden_size=128, channels=32, num_layers=2, num_envs=4096):
        net = BoxNet(env, width, hidden_size, channels=channels)
        super().__init__(env, net, hidden_size, num_layers, num_envs)


@register("farmer")
class Farmer(Agent):
    def __init__(self, env, width=128, hidden_size=128, **kwargs):
        super().__init__(
            env,
            BoxNet(env, width, hidden_size, channels=kwargs.get("channels", 16)),
            hidden_size,
            num_layers=kwargs.get("num_layers", 2),
            clip_range=kwargs.get("clip_range", 0.0),
            analyze_weights_interval=kwargs.get("analyze_weights_interval", 300),
        )


@register("trader")
class Trader(Agent):
    """Takes old configs: options of earlier versions are named in a warning and left out."""

    def __init__(self, env, width=128, hidden_size=128, **options):
        known = set(inspect.signature(Agent.__init__).parameters) - {"self", "env", "net", "unknown"}
        for name in [name for name in options if name not in known]:
            warnings.warn(f"trader: option {name}={options.pop(name)!r} is gone", stacklevel=2)
        super().__init__(env, TokenNet(env, width, hidden_size), hidden_size, **options)


@register("herald")
class Herald(Settler):
    def __init__(self, *args, **kwargs):
        kwargs.setdefault("embed_dim", 32)
        kwargs.setdefault("num_envs", 1024)
        super().__init__(*args, **kwargs)


@register("wanderer")
class Wanderer(Settler):
    """A settler whose core may be as deep as one likes."""

    def __init__(self, env, depth=3, hidden_size=128, analyze_weights_interval=300, clip_range=0.0, **options):
        super().__init__(env, hidden_size=hidden_size, num_layers=depth, clip_range=clip_range, **options)
        self.depth = depth
