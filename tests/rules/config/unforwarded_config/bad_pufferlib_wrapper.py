import pufferlib.models
import torch.nn as nn
from tensordict import TensorDict


class Forager(pufferlib.models.LSTMWrapper):
    def __init__(self, env, policy, input_size=128, hidden_size=128):  # expect: PF402
        super().__init__(env, policy, input_size)

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        out, _ = self.lstm(self.policy.encode_observations(rows).unsqueeze(0))
        logits, values = self.policy.decode_actions(out.squeeze(0))
        td["values"] = values.flatten()
        td["full_log_probs"] = logits.log_softmax(-1)
        td["actions"] = logits.softmax(-1).multinomial(1)
        return td
