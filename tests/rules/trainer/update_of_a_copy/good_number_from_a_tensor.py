import torch
from tensordict import TensorDict


def refresh(buffer: TensorDict, priorities: torch.Tensor, data: TensorDict) -> None:
    best = int(torch.multinomial(priorities, 1))
    buffer[best].update_(data)
    buffer[torch.multinomial(priorities, 1).item()].update_(data)
