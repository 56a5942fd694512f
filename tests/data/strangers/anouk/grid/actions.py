"""Tables that translate (type, argument) pairs to joint indices and back."""
from __future__ import annotations

import torch
from torch import nn


def action_count(env) -> int:
    return sum(most + 1 for most in env.max_action_args)


def install_tables(policy: nn.Module, env, device: torch.device) -> nn.Module:
    maxima = torch.tensor([0, *env.max_action_args], dtype=torch.long, device=device)
    pairs = [(kind, arg) for kind, most in enumerate(env.max_action_args) for arg in range(most + 1)]
    policy.cum_action_max_params = maxima.cumsum(0)
    policy.action_index_tensor = torch.tensor(pairs, dtype=torch.int32, device=device)
    return policy
