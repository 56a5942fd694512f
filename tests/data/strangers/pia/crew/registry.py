from crew.boxed import Boxed, Frames
from crew.factored import Conditional, Factored, Summed
from crew.ported import Carried, Grouped, Spread

KINDS = {kind.__name__.lower(): kind for kind in (Boxed, Carried, Conditional, Factored, Frames, Grouped, Spread, Summed)}


def create(kind, env, config):
    """Configs hold an agent's own options under `options`, whatever they are."""
    return KINDS[kind](env, **config["options"])
