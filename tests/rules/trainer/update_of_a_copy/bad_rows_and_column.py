import torch
from tensordict import TensorDict


class Experience:
    def __init__(self, segments: int, horizon: int) -> None:
        self.buffer = TensorDict({"values": torch.zeros(segments, horizon)}, batch_size=[segments, horizon])
        self.rows = torch.arange(segments)

    def store(self, data: TensorDict, step: int) -> None:
        self.buffer[self.rows, step].update_(data)  # expect: PF605
