import torch
from tensordict import TensorDict
from torch import nn
from torchrl.data import Composite, UnboundedDiscrete


def observed(env, **more):
    tokens = UnboundedDiscrete(shape=torch.Size([200, 3]), dtype=torch.uint8)
    return Composite(env_obs=tokens, **more)


class Forager(nn.Module):
    def __init__(self, env, clip_range=0.0):
        super().__init__()
        self.spec = observed(env, last_actions=UnboundedDiscrete(shape=torch.Size([2]), dtype=torch.int32))
        self.spec["last_types"] = UnboundedDiscrete(shape=torch.Size([]), dtype=torch.int32)
        self.embed = nn.Linear(603, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        last = torch.cat([td["last_actions"], td["last_types"].unsqueeze(-1)], -1).float()
        rows = torch.cat([td["env_obs"].flatten(1).float(), last], -1)
        out = self.embed(rows).relu()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        if action is None:
            td["actions"] = log_probs.exp().multinomial(1)
            td["values"] = self.critic(out).flatten()
        else:
            td["value"] = self.critic(out)
        return td

    def get_agent_experience_spec(self):
        return self.spec
