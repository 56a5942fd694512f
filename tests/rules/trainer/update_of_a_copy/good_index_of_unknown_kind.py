import torch
from tensordict import TensorDict


class Experience:
    def __init__(self, segments: int) -> None:
        self.buffer = TensorDict({"values": torch.zeros(segments)}, batch_size=[segments])

    def update(self, where, data: TensorDict) -> None:
        # The callers pass slices.
        self.buffer[where].update_(data)
