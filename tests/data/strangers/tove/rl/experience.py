from __future__ import annotations

import torch
from tensordict import TensorDict
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete


def experience_spec() -> Composite:
    scalar = UnboundedContinuous(shape=torch.Size([]), dtype=torch.float32)
    return Composite(
        env_obs=UnboundedDiscrete(shape=torch.Size([200, 3]), dtype=torch.uint8),
        actions=UnboundedDiscrete(shape=torch.Size([2]), dtype=torch.int32),
        rewards=scalar,
        dones=scalar,
        truncateds=scalar,
        act_log_prob=scalar,
        values=scalar,
        advantages=scalar,
    )


class Experience:
    def __init__(self, segments: int, horizon: int, device: torch.device) -> None:
        self.buffer = experience_spec().expand(segments, horizon).zero().to(device)

    def store(self, rows: torch.Tensor, column: int, td: TensorDict) -> None:
        for key in self.buffer.keys():
            if key in td.keys():
                self.buffer[key][rows, column] = td[key]

    def note(self, rows: torch.Tensor, values: torch.Tensor, ratio: torch.Tensor) -> None:
        self.buffer[rows].update_({"values": values, "ratio": ratio})

    def revise(self, rows: torch.Tensor, values: torch.Tensor) -> None:
        self.buffer.update_at_(TensorDict({"values": values}, batch_size=values.shape), rows)
