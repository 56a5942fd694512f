"""A device that no machine has to have: its tensors have shapes, and no numbers. An operator that mixes
them with the host's fails, and so does one that reads a number back, backward and in the optimizer too."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

ELSEWHERE = torch.device("lazy", 0)  # torch knows it as a device of its own, not as the one accelerator


@contextmanager
def moved(module: nn.Module) -> Iterator[None]:
    """Everything that is made meanwhile is without numbers; the module stands on that device."""
    with FakeTensorMode():
        module._apply(lambda tensor: torch.empty(tensor.shape, dtype=tensor.dtype, device=ELSEWHERE))
        yield


def devices(tensors: object) -> set[torch.device]:
    return {tensor.device for tensor in tensors if isinstance(tensor, Tensor)}
