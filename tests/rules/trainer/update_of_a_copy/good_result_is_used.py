import torch
from tensordict import TensorDict


def weights(priorities: torch.Tensor, count: int) -> torch.Tensor:
    rows = torch.multinomial(priorities, count)
    picked = priorities[rows].clamp_(min=1e-6)
    return picked / priorities[rows].add_(1e-6).sum()
