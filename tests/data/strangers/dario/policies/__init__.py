from .chalk import Chalk
from .ink import Ink
from .slate import Slate

REGISTRY = {"chalk": Chalk, "ink": Ink, "slate": Slate}


def create(name, env, args):
    return REGISTRY[name](
        env, hidden_size=args.hidden, clip_range=args.clip_range, analyze_weights_interval=args.analyze_weights_interval
    )
