import torch
from tensordict import TensorDict


class Replay:
    def __init__(self, spec, segments, first: TensorDict):
        self.data = spec.expand(segments).zero()

    def refresh(self, row, values: torch.Tensor):
        self.data["values"][row].copy_(values)

    def assign(self, rows: torch.Tensor, values: torch.Tensor):
        self.data["values"][rows] = values
