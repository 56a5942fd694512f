import torch
from tensordict import TensorDict
from torchrl.data import Composite, UnboundedContinuous


def rows_of(seen: Composite) -> Composite:
    number = UnboundedContinuous(shape=())
    names = ("rewards", "dones", "truncateds")
    return Composite({**{key: seen[key] for key in seen.keys()}, **{name: number for name in names}})


class Reservoir:
    def __init__(self, spec: Composite):
        self.rows = spec.expand(64, 16).zero()

    def count(self, picked: torch.Tensor):
        self.rows["seen"][picked] = 0  # expect: PF604


def train(policy, optimizer, minibatches):
    reservoir = Reservoir(rows_of(policy.get_agent_experience_spec()))
    for picked, td in minibatches:
        policy.reset_memory()
        loss = -policy(td, action=td["actions"])["act_log_prob"].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        policy.clip_weights()
        reservoir.count(picked)


class Policy(torch.nn.Module):
    def get_agent_experience_spec(self):
        return Composite(env_obs=UnboundedContinuous(shape=(8,)))
