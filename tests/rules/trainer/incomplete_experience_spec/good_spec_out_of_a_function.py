import torch
from tensordict import TensorDict
from torchrl.data import Composite, UnboundedContinuous


def experience_spec() -> Composite:
    scalar = UnboundedContinuous(shape=(), dtype=torch.float32)
    return Composite(env_obs=scalar, actions=scalar, act_log_prob=scalar, rewards=scalar, ratio=scalar)


class Experience:
    def __init__(self, segments: int, horizon: int, device: torch.device):
        self.buffer = experience_spec().expand(segments, horizon).zero().to(device)

    def update(self, rows: slice, ratio: torch.Tensor):
        self.buffer[rows].update(TensorDict({"ratio": ratio}, ratio.shape))


def train(policy, optimizer, experience: Experience):
    for number in range(16):
        policy.reset_memory()
        rows = slice(number * 4, number * 4 + 4)
        minibatch = experience.buffer[rows].clone()
        td = policy(minibatch.select("env_obs"), action=minibatch["actions"])
        ratio = (td["act_log_prob"] - minibatch["act_log_prob"]).exp()
        optimizer.zero_grad()
        (ratio * minibatch["rewards"]).mean().backward()
        optimizer.step()
        policy.clip_weights()
        experience.update(rows, ratio.detach())
