import torch
from tensordict import TensorDict
from torchrl.data import Composite


class Buffer:
    """[segments, horizon] rows of experience, by the fields of a spec"""

    def __init__(self, spec: Composite, segments: int, horizon: int, device):
        self.data = spec.expand(segments, horizon).to(device).zero()
        self.row, self.col, self.horizon = 0, 0, horizon

    @property
    def full(self):
        return self.row >= self.data.batch_size[0]

    def store(self, td: TensorDict, count: int):
        rows = slice(self.row, self.row + count)
        self.data[rows, self.col].update_(td.select(*self.data.keys()))
        self.col += 1
        if self.col == self.horizon:
            self.row, self.col = self.row + count, 0

    def refresh(self, indices: torch.Tensor, fields: dict):
        """the values of an update, for the next epoch"""
        self.data[indices].update(fields)

    def put(self, indices: torch.Tensor, fields: TensorDict):
        self.data.update_at_(fields, indices)

    def forget(self, mask: torch.Tensor):
        """empties the rows where mask [segments] is set"""
        self.data["rewards"][mask].zero_()
        self.data["values"][mask] = 0.0

    def decay(self, rows: torch.LongTensor, factor: float):
        priorities = self.data["priority"]
        picked = priorities[rows]
        picked *= factor

    def sample(self, count: int):
        indices = torch.randperm(self.data.batch_size[0], device=self.data.device)[:count]
        return self.data[indices], indices
