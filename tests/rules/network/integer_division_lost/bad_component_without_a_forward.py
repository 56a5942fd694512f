import torch
import torch.nn as nn
from tensordict import TensorDict

OBSERVATION = "env_obs"


class Component(nn.Module):
    def __init__(self, name):
        super().__init__()
        self.name = name

    def compute(self, td: TensorDict) -> torch.Tensor:
        raise NotImplementedError

    def run(self, td: TensorDict) -> None:
        td[self.name] = self.compute(td)


class Scaled(Component):
    def setup(self, norms):
        self.register_buffer("norms", norms)

    def compute(self, td):
        tokens = td[OBSERVATION].clone()
        tokens[..., 2] = tokens[..., 2] / self.norms[tokens[..., 1].long()]  # expect: PF509
        return tokens
