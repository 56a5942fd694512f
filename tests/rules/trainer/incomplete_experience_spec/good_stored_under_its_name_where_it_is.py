import torch
from tensordict import TensorDict
from torchrl.data import Composite, UnboundedContinuous


class Experience:
    def __init__(self, segments: int, horizon: int, spec: Composite):
        self.buffer = spec.expand(segments, horizon).zero()

    def sample(self, number: int):
        rows = slice(number * 4, number * 4 + 4)
        return rows, self.buffer[rows].clone()

    def update(self, rows: slice, data: TensorDict):
        self.buffer[rows].update(data)


def loss_spec() -> Composite:
    scalar = UnboundedContinuous(shape=(), dtype=torch.float32)
    return Composite(rewards=scalar, dones=scalar, act_log_prob=scalar, values=scalar)


def train(policy, optimizer):
    asked = policy.get_agent_experience_spec()
    kept = loss_spec()
    experience = Experience(64, 16, Composite({**dict(asked.items()), **dict(kept.items())}))
    for number in range(16):
        policy.reset_memory()
        rows, minibatch = experience.sample(number)
        td = policy(minibatch.select(*asked.keys()), action=minibatch["actions"])
        ratio = (td["act_log_prob"] - minibatch["act_log_prob"]).exp()
        optimizer.zero_grad()
        (ratio * minibatch["rewards"]).mean().backward()
        optimizer.step()
        policy.clip_weights()
        if "ratio" in experience.buffer.keys():
            experience.buffer["ratio"][rows] = ratio.detach()

class Agent:
    def get_agent_experience_spec(self):
        scalar = UnboundedContinuous(shape=(), dtype=torch.float32)
        return Composite(env_obs=scalar, actions=scalar)
