"""From a config to a policy."""

from functools import partial
from operator import itemgetter

import torch
import torch.nn.functional as F

from . import nets

KINDS = {"lattice": nets.Lattice, "weave": nets.Weave, "braid": nets.Braid}
OWN = ("kind", "_target_")


def without(config, names):
    return {key: config[key] for key in config if key not in names}


def introduce(policy, env, device):
    """Tell a policy its actions."""
    most = torch.tensor(env.max_action_args, device=device)
    policy.cum_action_max_params = F.pad(most.cumsum(0), (1, 0))
    pairs = [(kind, argument) for kind, top in enumerate(env.max_action_args) for argument in range(top + 1)]
    policy.action_index_tensor = torch.tensor(pairs, dtype=torch.int32, device=device)
    return policy


def spawn(env, config):
    kind = itemgetter("kind")(config)
    make = partial(KINDS[kind], env)
    return make(**without(config, OWN))
