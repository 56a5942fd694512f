import torch
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

FLOAT = UnboundedContinuous(shape=torch.Size([]))


class Agent:
    def get_agent_experience_spec(self):
        return Composite(env_obs=UnboundedDiscrete(shape=torch.Size([200, 3]), dtype=torch.uint8))


class Store:
    def __init__(self, asked: Composite, segments: int, horizon: int):
        self.spec = asked.clone()
        for name in ("rewards", "dones", "truncateds", "act_log_prob", "values"):
            self.spec[name] = FLOAT.clone()
        self.data = self.spec.expand(segments, horizon).zero()

    def refresh(self, rows: torch.Tensor, values: torch.Tensor, ratio: torch.Tensor) -> None:
        self.data["values"][rows] = values
        self.data["ratio"][rows] = ratio  # expect: PF604
