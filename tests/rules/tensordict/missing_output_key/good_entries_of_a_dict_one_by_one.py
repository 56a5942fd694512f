import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    VALUE = {"rollout": "values", "training": "value"}

    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.gru = nn.GRU(64, 64, batch_first=True)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        rows, steps = (td.batch_size[0], 1) if action is None else td.batch_size
        td = td.reshape(rows * steps)
        hidden = self.embed(td["env_obs"].float().flatten(1)).view(rows, steps, -1)
        out = self.gru(hidden)[0].reshape(rows * steps, -1)
        log_probs = self.actor(out).log_softmax(-1)
        index = log_probs.exp().multinomial(1) if action is None else action.reshape(-1, 1)
        outputs = {"act_log_prob": log_probs.gather(-1, index).squeeze(-1)}
        outputs[self.VALUE["rollout" if action is None else "training"]] = self.critic(out).flatten()
        outputs |= {"full_log_probs": log_probs}
        outputs.update({"actions": index.squeeze(-1)} if action is None else {"entropy": -(log_probs.exp() * log_probs).sum(-1)})
        for key, value in outputs.items():
            td[key] = value
        return td if action is None else td.reshape(rows, steps)
