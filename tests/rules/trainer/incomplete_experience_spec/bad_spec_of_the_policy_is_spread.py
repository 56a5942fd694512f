import torch
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

FLOAT = UnboundedContinuous(shape=torch.Size([]))


class Agent:
    def get_agent_experience_spec(self):
        return Composite(env_obs=UnboundedDiscrete(shape=torch.Size([200, 3]), dtype=torch.uint8))


class Trainer:
    def __init__(self, policy, segments, horizon):
        self.policy = policy
        spec = Composite(
            **policy.get_agent_experience_spec(), rewards=FLOAT, dones=FLOAT, act_log_prob=FLOAT, values=FLOAT
        )
        self.buffer = spec.expand(segments, horizon).zero()

    def refresh(self, rows: torch.Tensor, out, ratio: torch.Tensor) -> None:
        self.policy.reset_memory()
        self.buffer["values"][rows] = out["value"].detach()
        self.buffer["ratio"][rows] = ratio.detach()  # expect: PF604
