import pufferlib
import pufferlib.models
import torch.nn as nn
from tensordict import TensorDict


class Forager(pufferlib.models.LSTMWrapper):
    def __init__(self, env, policy=None, hidden_size=64, **kwargs):  # expect: PF401
        super().__init__(env, policy, hidden_size=hidden_size, **kwargs)

    def forward(self, td: TensorDict, state=None, action=None):
        hidden = self.policy.encode_observations(td["env_obs"], state)
        out, _ = self.lstm(hidden.unsqueeze(0))
        logits, td["values"] = self.policy.decode_actions(out.squeeze(0))
        return td
