import torch
import torch.nn as nn
import torch.nn.functional as F

from layers import dense


class Heads(nn.Module):
    """Everything behind the memory: logits over whole actions, a value, and the trainer's two converters."""

    def __init__(self, env, width):
        super(Heads, self).__init__()
        self.logits = dense(width, sum(m + 1 for m in env.max_action_args), 0.01)
        self.value = dense(width, 1, 1.0)

    def forward(self, x):
        return F.log_softmax(self.logits(x), -1), self.value(x)


def to_index(policy, action):
    action = action.reshape(-1, 2).long()
    return action[:, 0] + policy.cum_action_max_params[action[:, 0]] + action[:, 1]


def write_rollout(policy, td, logp, value):
    index = torch.multinomial(logp.exp(), 1)
    td["actions"] = policy.action_index_tensor[index.squeeze(1)].int()
    td["act_log_prob"] = logp.gather(1, index).squeeze(1)
    td["values"] = value.squeeze(1)
    td["full_log_probs"] = logp


def write_training(policy, td, logp, value, action):
    index = to_index(policy, action).unsqueeze(1)
    td["act_log_prob"] = logp.gather(1, index).squeeze(1)
    td["entropy"] = (-logp.exp() * logp).sum(1)
    td["value"] = value
    td["full_log_probs"] = logp


def stamp(td, rows, steps):
    n = rows * steps
    td["bptt"] = torch.full((n,), steps, dtype=torch.long, device=td.device or td["env_obs"].device)
    td["batch"] = torch.full((n,), rows, dtype=torch.long, device=td.device or td["env_obs"].device)


class Clipped(object):
    """Mixin: bounds for the weights of dense layers."""

    def clip_weights(self):
        if self.clip_range <= 0:
            return
        for m in self.modules():
            if isinstance(m, nn.Linear):
                m.weight.data.clamp_(-self.clip_range, self.clip_range)
