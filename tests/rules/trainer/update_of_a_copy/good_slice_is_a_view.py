import torch
from tensordict import TensorDict


class Experience:
    def __init__(self, segments: int) -> None:
        self.buffer = TensorDict({"values": torch.zeros(segments)}, batch_size=[segments])

    def update(self, start: int, stop: int, data: TensorDict) -> None:
        self.buffer[start:stop].update_(data)
        self.buffer[slice(start, stop)].update_(data)
        self.buffer[0].zero_()
