import torch
from tensordict import TensorDict
from torch import Tensor
from torchrl.data import Composite


class Experience:
    def __init__(self, spec: Composite, segments: int, horizon: int) -> None:
        expanded = spec.expand(segments, horizon).to("cpu")
        self.buffer = expanded.zero()

    def update(self, indices: Tensor, data: TensorDict) -> None:
        """Write the new values back."""
        self.buffer[indices].update_(data)  # expect: PF605
