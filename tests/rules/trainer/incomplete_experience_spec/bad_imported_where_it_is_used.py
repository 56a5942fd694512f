import torch
from tensordict import TensorDict
from torch import nn


class Forager(nn.Module):
    def __init__(self, env, clip_range=0.0):
        super().__init__()
        self.embed = nn.Linear(602, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        last = td["last_actions"].float()  # expect: PF604
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
        from torchrl.data import Composite, UnboundedDiscrete

        return Composite(env_obs=UnboundedDiscrete(shape=torch.Size([200, 3]), dtype=torch.uint8))
