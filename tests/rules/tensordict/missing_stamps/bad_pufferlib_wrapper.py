import pufferlib.models
import torch
from tensordict import TensorDict


class Forager(pufferlib.models.LSTMWrapper):
    def __init__(self, env, policy=None, hidden_size=64):
        super().__init__(env, policy, hidden_size, hidden_size)

    def forward(self, td: TensorDict, state=None, action=None):  # expect: PF101
        hidden = self.policy.encode_observations(td["env_obs"], state)
        hidden = hidden.view(td.numel(), 1, -1).transpose(0, 1)
        out, _ = self.lstm(hidden)
        logits, td["values"] = self.policy.decode_actions(out.flatten(0, 1))
        td["actions"] = torch.distributions.Categorical(logits=logits).sample()
        return td
