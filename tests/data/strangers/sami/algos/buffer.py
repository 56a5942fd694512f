import torch
from tensordict import TensorDict


class Replay:
    """Segments [S, T] of what the specs say."""

    def __init__(self, spec, segments, horizon, device):
        self.td = spec.expand(segments, horizon, *spec.shape).zero().to(device)
        self.segments = segments
        self.pos = torch.zeros(segments, dtype=torch.long, device=device)

    def write(self, rows: slice, column: int, td: TensorDict):
        self.td[rows, column] = td.select(*self.td.keys())

    def sample(self, count):
        rows = torch.randperm(self.segments, device=self.td.device)[:count]
        return rows, self.td[rows]

    def refresh(self, rows: torch.Tensor, values: torch.Tensor):
        self.td["values"][rows].copy_(values)

    def assign(self, rows: torch.Tensor, values: torch.Tensor):
        self.td["values"][rows] = values

    def scale(self, rows: torch.Tensor, factor: float):
        self.td["rewards"].index_copy_(0, rows, self.td["rewards"][rows] * factor)

    def forget(self, mask: torch.Tensor):
        masked = self.td[mask]
        masked.zero_()
