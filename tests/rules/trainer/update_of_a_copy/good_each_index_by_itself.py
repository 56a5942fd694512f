import torch
from tensordict import TensorDict


def clear(buffer: TensorDict, count: int) -> None:
    for row in torch.randperm(count):
        buffer[row].zero_()  # a tensor without dimensions picks a view
