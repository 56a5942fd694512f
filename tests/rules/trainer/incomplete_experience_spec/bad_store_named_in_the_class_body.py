import torch
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete


class Agent:
    def get_agent_experience_spec(self):
        return Composite(env_obs=UnboundedDiscrete(shape=torch.Size([200, 3]), dtype=torch.uint8))


def kept() -> Composite:
    names = ("rewards", "dones", "truncateds", "act_log_prob", "values")
    return Composite({name: UnboundedContinuous(shape=torch.Size([])) for name in names})


class Store:
    def __init__(self, asked: Composite, segments: int, horizon: int):
        self.data = Composite({**dict(asked.items()), **dict(kept().items())}).expand(segments, horizon).zero()

    def refresh(self, rows: torch.Tensor, values: torch.Tensor) -> None:
        self.data["values"][rows] = values


class Trainer:
    store_class = Store

    def __init__(self, policy):
        self.policy = policy
        self.optimizer = torch.optim.Adam(policy.parameters())
        self.store = self.store_class(policy.get_agent_experience_spec(), 64, 16)

    def update(self, rows: torch.Tensor) -> None:
        minibatch = self.store.data[rows]
        self.policy.reset_memory()
        out = self.policy(minibatch.select("env_obs"), action=minibatch["actions"])
        ratio = (out["act_log_prob"] - minibatch["act_log_prob"]).exp()
        self.optimizer.zero_grad()
        (ratio * minibatch["rewards"]).mean().backward()
        self.optimizer.step()
        self.policy.clip_weights()
        self.store.refresh(rows, out["value"].detach())
        self.store.data["ratio"][rows] = ratio.detach()  # expect: PF604
