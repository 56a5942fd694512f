import torch
from tensordict import TensorDict


def refresh(buffer: TensorDict, advantages: torch.Tensor, values: torch.Tensor) -> None:
    rows = torch.multinomial(advantages.abs().sum(dim=1), 8)
    buffer["values"][rows].copy_(values)  # expect: PF605
