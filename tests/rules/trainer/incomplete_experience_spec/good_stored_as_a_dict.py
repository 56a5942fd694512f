import torch
from tensordict import TensorDict
from torchrl.data import Composite, UnboundedContinuous

LOSS_KEYS = ("rewards", "dones", "act_log_prob", "values")


class Agent:
    def get_agent_experience_spec(self):
        scalar = UnboundedContinuous(shape=(), dtype=torch.float32)
        return Composite(env_obs=scalar, actions=scalar)


class Experience:
    def __init__(self, agent: Agent, segments: int, horizon: int):
        scalar = UnboundedContinuous(shape=(), dtype=torch.float32)
        spec = Composite(
            **{key: scalar for key in LOSS_KEYS},
            **dict(agent.get_agent_experience_spec().items()),
        )
        self.buffer: TensorDict = spec.expand(segments, horizon).zero()

    def note(self, rows: slice, values: torch.Tensor, ratio: torch.Tensor):
        self.buffer[rows].update({"values": values})
        if "ratio" not in self.buffer.keys():
            return
        self.buffer[rows].update({"ratio": ratio})
