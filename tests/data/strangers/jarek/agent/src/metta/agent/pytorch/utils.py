"""Things that I copied around too often before moving them here."""

import torch
from torch import nn


def orthogonal_lstm(core):
    # thesis, section 3.2: start the gates open
    for name, param in core.named_parameters():
        if "bias" in name:
            nn.init.constant_(param, 1)
        elif "weight" in name:
            nn.init.orthogonal_(param, 1)
    return core


def action_tables(env):
    """(type, arg) of every action, and the cumulated maximal args."""
    pairs = [(kind, arg) for kind, most in enumerate(env.max_action_args) for arg in range(most + 1)]
    cumulated = [0]
    for most in env.max_action_args:
        cumulated.append(cumulated[-1] + most)
    return torch.tensor(pairs, dtype=torch.int32), torch.tensor(cumulated, dtype=torch.long)


def episode_ends(td, B, T):
    """[T, B] bool: this step is the first one of a new episode."""
    ended = torch.zeros(B * T, dtype=torch.bool, device=td.device)
    for key in ("dones", "truncateds"):
        flag = td.get(key, None)
        if flag is not None:
            ended = ended | flag.reshape(-1).bool()
    return ended.view(B, T).transpose(0, 1)


def unroll(core, inputs, h, c, ended):
    """inputs [T, B, F], h and c [L, B, H], ended [T, B]."""
    alive = (~ended).to(inputs.dtype)
    outputs = []
    for t in range(inputs.shape[0]):
        mask = alive[t].view(1, -1, 1)
        out, (h, c) = core(inputs[t : t + 1], (h * mask, c * mask))
        outputs.append(out)
    return torch.cat(outputs, dim=0), h, c
