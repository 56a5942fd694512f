import torch
from tensordict import TensorDict


class Experience:
    def __init__(self, segments: int) -> None:
        self.buffer = TensorDict({"values": torch.zeros(segments)}, batch_size=[segments])

    def update(self, indices: torch.Tensor, data: TensorDict) -> None:
        self.buffer.update_at_(data, indices)
