import torch
from tensordict import TensorDict
from torchrl.data import Composite


class Experience:
    """Segments of bptt_horizon steps, one after the other."""

    def __init__(self, num_segments: int, horizon: int, spec: Composite, device):
        self.buffer = spec.expand(num_segments, horizon).zero().to(device)
        self.horizon = horizon
        self.num_segments = num_segments
        self.step = 0
        self.row = 0

    @property
    def full(self) -> bool:
        return self.row >= self.num_segments

    def start(self) -> None:
        self.step = self.row = 0

    def store(self, td: TensorDict) -> None:
        rows = slice(self.row, self.row + td.batch_size[0])
        self.buffer[rows, self.step].update_(td.select(*self.buffer.keys()))
        self.step += 1
        if self.step == self.horizon:
            self.step = 0
            self.row = rows.stop

    def sample(self, minibatch_size: int, advantages: torch.Tensor):
        weights = advantages.abs().sum(dim=1) + 1e-6
        rows = torch.multinomial(weights, minibatch_size)
        return rows, self.buffer[rows]

    def refresh(self, rows: torch.Tensor, values: torch.Tensor) -> None:
        """New value estimates for the rows of a minibatch."""
        self.buffer["values"][rows].copy_(values)
