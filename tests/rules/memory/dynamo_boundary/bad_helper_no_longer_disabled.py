import torch
import torch.nn as nn
from tensordict import TensorDict


class Groups(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.cell = nn.GRUCell(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self._states = {}

    def forward(self, td: TensorDict, state=None, action=None):
        group = self._group(td)
        out = self.cell(self.embed(td["env_obs"].float().flatten(1)), self._states.get(group))
        self._states[group] = out.detach()
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td

    @torch._dynamo.disable
    def _group(self, td):
        return td["training_env_id_start"][0].item()


class Unordered(Groups):
    def _group(self, td):  # expect: PF207
        return td["training_env_id_start"].min().item()
