import torch
import torch.nn as nn
from tensordict import TensorDict

class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        counts = [most + 1 for most in env.max_action_args]
        self.register_buffer("first_logit", torch.tensor([0] + counts).cumsum(0))

    def forward(self, td: TensorDict, state=None, action=None):
        out = self.embed(td["env_obs"].float().flatten(1)).relu()
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        if action is not None:
            index = self._convert_action_to_logit_index(action.view(-1, 2))
            td["act_log_prob"] = log_probs.gather(1, index[:, None])
        return td

    def _convert_action_to_logit_index(self, flattened_action):  # expect: PF503
        types = flattened_action[:, 0].long()
        arguments = flattened_action[:, 1].long()
        return self.first_logit[types] + types + arguments
