import torch
from torchrl.data import Composite, UnboundedContinuous


class Policy(torch.nn.Module):
    def __init__(self, env):
        super().__init__()
        self.encoder = self.make_encoder(env)

    def make_encoder(self, env):
        raise NotImplementedError

    def get_agent_experience_spec(self):
        return Composite(env_obs=UnboundedContinuous(shape=(8,)))


def train(policy: Policy, optimizer, minibatches):
    spec = policy.get_agent_experience_spec()
    spec["rewards"] = UnboundedContinuous(shape=())
    rows = spec.expand(64, 16).zero()
    for picked, td in minibatches:
        policy.reset_memory()
        out = policy(td, action=td["actions"])
        optimizer.zero_grad()
        (-out["act_log_prob"].mean()).backward()
        optimizer.step()
        policy.clip_weights()
        rows["ratio"][picked] = out["act_log_prob"].detach().exp()  # expect: PF604
