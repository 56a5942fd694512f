import torch
from tensordict import TensorDict


class Experience:
    def __init__(self, segments: int) -> None:
        self.segments = segments
        self.buffer = TensorDict({"values": torch.zeros(segments)}, batch_size=[segments])

    def sample(self, count: int):
        rows = torch.randperm(self.segments)[:count]
        return rows, self.buffer[rows]

    def update(self, rows, data) -> None:
        self.buffer[rows].update_(data)  # expect: PF605
