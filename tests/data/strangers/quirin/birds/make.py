from itertools import accumulate

import torch

from birds.lark import Lark
from birds.trials import LarkByGroup, LarkFlat, LarkSlim, WrenEcho, WrenPlain
from birds.wren import Wren

BIRDS = {
    "lark": Lark,
    "wren": Wren,
    "lark_by_group": LarkByGroup,
    "lark_slim": LarkSlim,
    "lark_flat": LarkFlat,
    "wren_echo": WrenEcho,
    "wren_plain": WrenPlain,
}


def equip(bird, env, device):
    """Tells a bird which actions there are."""
    most = list(env.max_action_args)
    bird.cum_action_max_params = torch.tensor([0, *accumulate(most)], device=device)
    pairs = [(kind, argument) for kind, last in enumerate(most) for argument in range(last + 1)]
    bird.action_index_tensor = torch.tensor(pairs, dtype=torch.int32, device=device)
    bird.activate_action_embeddings([f"{env.action_names[kind]}_{argument}" for kind, argument in pairs], device)
    return bird


def build(env, cfg, device="cpu"):
    options = dict(cfg)
    return equip(BIRDS[options.pop("agent_type")](env, **options).to(device), env, device)
