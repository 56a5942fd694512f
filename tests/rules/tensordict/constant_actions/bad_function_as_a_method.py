import torch
import torch.nn as nn
from tensordict import TensorDict


def drawn(self, log_probs):
    return torch.randint(0, log_probs.shape[-1], log_probs.shape[:1])


class Forager(nn.Module):
    _draw = drawn

    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64, batch_first=True)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        rows, steps = (td.batch_size[0], 1) if action is None else td.batch_size
        if action is not None:
            td = td.reshape(rows * steps)
        td["bptt"] = torch.full((rows * steps,), steps, dtype=torch.int64)
        td["batch"] = torch.full((rows * steps,), rows, dtype=torch.int64)
        hidden = self.embed(td["env_obs"].float().flatten(1)).view(rows, steps, -1)
        out, _ = self.lstm(hidden)
        out = out.reshape(rows * steps, -1)
        log_probs = self.actor(out).log_softmax(-1)
        value = self.critic(out)
        if action is None:
            index = log_probs.exp().multinomial(1)
            td["actions"] = self._draw(log_probs)  # expect: PF108
            td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
            td["values"] = value.flatten()
            td["full_log_probs"] = log_probs
            return td
        index = self._index(action.flatten(0, 1))
        td["act_log_prob"] = log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        td["value"] = value
        td["full_log_probs"] = log_probs
        return td.reshape(rows, steps)

    def _index(self, pairs):
        types, arguments = pairs[:, 0].long(), pairs[:, 1].long()
        return types + self.cum_action_max_params[types] + arguments
