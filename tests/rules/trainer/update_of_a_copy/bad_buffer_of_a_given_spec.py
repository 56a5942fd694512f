import torch
from tensordict import TensorDict


class Replay:
    def __init__(self, spec, segments: int, horizon: int, device: torch.device) -> None:
        self.data = spec.expand(segments, horizon).zero().to(device)

    def write(self, rows: slice, column: int, td: TensorDict) -> None:
        self.data[rows, column] = td.select(*self.data.keys())

    def refresh(self, rows: torch.Tensor, values: torch.Tensor) -> None:
        self.data["values"][rows].copy_(values)  # expect: PF605

    def assign(self, rows: torch.Tensor, values: torch.Tensor) -> None:
        self.data["values"][rows] = values
