import torch
from pufferlib.models import LSTMWrapper as Wrapper
from tensordict import TensorDict


class Forager(Wrapper):  # expect: PF202
    def forward(self, td: TensorDict, state=None, action=None):
        hidden = self.policy.encode_observations(td["env_obs"], state)
        out, _ = self.lstm(hidden.view(td.numel(), 1, -1).transpose(0, 1))
        logits, td["values"] = self.policy.decode_actions(out.flatten(0, 1))
        return td
