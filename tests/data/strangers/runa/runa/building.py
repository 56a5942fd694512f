from itertools import accumulate

import torch

from runa import ablations, policies
from runa.skeleton import Skeleton


def kinds(*modules):
    found = {}
    for module in modules:
        for name, kind in vars(module).items():
            if isinstance(kind, type) and issubclass(kind, Skeleton) and kind.__module__ == module.__name__:
                found[name.lower()] = kind
    return found


class PolicyBuilder:
    """Builds what a config names, and tells it what the environment can do."""

    KINDS = kinds(policies, ablations)

    def __init__(self, env, device="cpu"):
        self.env, self.device = env, device

    def build(self, cfg):
        options = {key: value for key, value in cfg.items() if key != "agent_type"}
        policy = self.KINDS[cfg["agent_type"]](self.env, **options).to(self.device)
        self.activate(policy)
        return policy

    def activate(self, policy):
        pairs, names = [], []
        for kind, most in enumerate(self.env.max_action_args):
            for argument in range(most + 1):
                pairs.append((kind, argument))
                names.append(f"{self.env.action_names[kind]}_{argument}")
        sums = [0, *accumulate(self.env.max_action_args)]
        policy.cum_action_max_params = torch.tensor(sums, device=self.device)
        policy.action_index_tensor = torch.tensor(pairs, dtype=torch.int32, device=self.device)
        policy.activate_action_embeddings(names, self.device)
