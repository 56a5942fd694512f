import torch
from tensordict import TensorDict


def clear(buffers: list, group: torch.Tensor) -> None:
    buffers[group].zero_()
