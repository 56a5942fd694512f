"""Things that every agent of this repo shares. Started life at the top of ppo_tokens.py."""

import numpy as np
import torch
import torch.nn as nn
from tensordict import TensorDict


def layer_init(layer, std=np.sqrt(2), bias_const=0.0):
    nn.init.orthogonal_(layer.weight, std)
    nn.init.constant_(layer.bias, bias_const)
    return layer


def stamp(td: TensorDict, steps: int) -> None:
    """Say in each of the flattened rows how they fold back."""
    rows = td.batch_size[0]
    device = td["env_obs"].device
    td.update(
        {
            "bptt": torch.full((rows,), steps, dtype=torch.long, device=device),
            "batch": torch.full((rows,), rows // steps, dtype=torch.long, device=device),
        }
    )


def episode_ends(td: TensorDict, rows: int, steps: int) -> torch.Tensor:
    """[rows, steps] of bool: an episode ended just before this step, for whatever reason."""
    ends = torch.zeros(rows * steps, dtype=torch.bool, device=td["env_obs"].device)
    for flag in ("dones", "truncateds"):
        if flag in td.keys():
            ends = ends | td[flag].reshape(-1).bool()
    return ends.view(rows, steps)


def tokens_to_box(tokens: torch.Tensor, layers: int, width: int, height: int) -> torch.Tensor:
    """[R, M, 3] bytes to a float box [R, layers, width, height]."""
    coords, attrs, values = tokens.unbind(-1)
    x, y, attrs = (coords >> 4).long(), (coords & 15).long(), attrs.long()
    valid = (coords != 255) & (x < width) & (y < height) & (attrs < layers)
    cells = layers * width * height
    # one cell too many, for everything that has no place of its own
    flat = torch.where(valid, (attrs * width + x) * height + y, cells)
    box = torch.zeros(tokens.shape[0], cells + 1, device=tokens.device)
    box.scatter_(1, flat, values.float())
    return box[:, :-1].view(-1, layers, width, height)


class JointActions:
    """(type, argument) <-> row of the joint action table; both tables are set by whoever knows the env."""

    action_index_tensor: torch.Tensor
    cum_action_max_params: torch.Tensor

    def to_index(self, action: torch.Tensor) -> torch.Tensor:
        kind, arg = action.long().unbind(-1)
        return self.cum_action_max_params[kind] + kind + arg

    def to_action(self, index: torch.Tensor) -> torch.Tensor:
        return self.action_index_tensor[index]
