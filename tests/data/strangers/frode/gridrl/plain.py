from .base import GridNet, Recurrent
from .registry import register


@register("conv")
class Conv(Recurrent):
    def __init__(self, env, hidden_size=128, **options):
        super().__init__(env, GridNet(env, hidden_size), hidden_size=hidden_size, **options)
