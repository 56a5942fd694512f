import torch
from torchrl.data import Composite, UnboundedDiscrete


class Agent:
    def get_agent_experience_spec(self):
        return Composite(env_obs=UnboundedDiscrete(shape=torch.Size([200, 3]), dtype=torch.uint8))


class Store:
    def __init__(self, spec, segments: int, horizon: int):
        self.data = spec.expand(segments, horizon).zero()

    def refresh(self, rows: torch.Tensor, values: torch.Tensor) -> None:
        self.data["values"][rows] = values
