"""Segments of steps, as long as training unrolls."""

import torch
from tensordict import TensorDict
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete


def experience_spec(tokens: int) -> Composite:
    scalar = UnboundedContinuous(shape=(), dtype=torch.float32)
    return Composite(
        env_obs=UnboundedDiscrete(shape=(tokens, 3), dtype=torch.uint8),
        actions=UnboundedDiscrete(shape=(2,), dtype=torch.int32),
        act_log_prob=scalar,
        values=scalar,
        rewards=scalar,
        dones=scalar,
        truncateds=scalar,
    )


class Experience:
    def __init__(self, spec: Composite, segments: int, horizon: int, device):
        self.horizon = horizon
        self.keys = list(spec.keys())
        self.buffer: TensorDict = spec.expand(segments, horizon).to(device).zero()
        self.column = 0

    def store(self, td: TensorDict, rows: slice) -> None:
        # a slice of rows and one column: a view, so the buffer has it
        self.buffer[rows, self.column].update_(td.select(*self.keys))

    def advance(self) -> bool:
        self.column = (self.column + 1) % self.horizon
        return self.column == 0

    def sample(self, segments: int) -> tuple[torch.Tensor, TensorDict]:
        index = torch.randint(self.buffer.shape[0], (segments,), device=self.buffer.device)
        return index, self.buffer[index].clone()

    def refresh(self, index: torch.Tensor, values: torch.Tensor) -> None:
        self.buffer["values"][index] = values
