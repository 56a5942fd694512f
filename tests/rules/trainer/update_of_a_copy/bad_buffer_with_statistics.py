import torch
from tensordict import TensorDict
from torchrl.data import Composite


class Experience:
    def __init__(self, spec: Composite, segments: int, horizon: int):
        self.buffer = spec.expand(segments, horizon).zero()

    def update(self, indices: torch.Tensor, data: TensorDict):
        self.buffer[indices].update(data)  # expect: PF605

    def stats(self):
        found = {"rewards": self.buffer["rewards"].mean().item()}
        found.update(values=self.buffer["values"].mean().item(), dones=self.buffer["dones"].mean().item())
        return found
