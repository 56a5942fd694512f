import torch
from tensordict import TensorDict


class Experience:
    def __init__(self, segments: int) -> None:
        self.buffer = TensorDict({"values": torch.zeros(segments)}, batch_size=[segments])

    def update(self, indices: torch.Tensor, values: torch.Tensor) -> None:
        self.buffer["values"][indices] = values
        self.buffer["values"][indices] += 1.0
        self.buffer.get("values").index_copy_(0, indices, values)
