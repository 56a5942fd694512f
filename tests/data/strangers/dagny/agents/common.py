"""Small things that all agents here share."""
import torch
from torch import nn
import torch.nn.functional as F


def stamp(td, steps):
    """Call on a flat TensorDict."""
    n = td.shape[0]
    numbers = torch.tensor([steps, n // steps], device=td["env_obs"].device).expand(n, 2)
    td["bptt"], td["batch"] = numbers[:, 0].contiguous(), numbers[:, 1].contiguous()
    return td


def ended(td):
    """Rows, or rows and steps, where an episode begins anew."""
    flags = [td[key] for key in ("dones", "truncateds") if key in td.keys()]
    if not flags:
        return torch.zeros(td.shape, dtype=torch.bool, device=td["env_obs"].device)
    return sum(flag.float() for flag in flags) > 0


class Sight(nn.Module):
    """Every token on its own, then the strongest of each feature."""

    def __init__(self, out_features, dim=64):
        super(Sight, self).__init__()
        self.one = nn.Linear(4, dim)
        self.two = nn.Linear(dim, out_features)

    def forward(self, tokens):
        coords, kind, level = tokens.float().split(1, dim=-1)
        x = torch.div(coords, 16, rounding_mode="floor")
        y = coords - 16 * x
        z = F.leaky_relu(self.one(torch.cat([x, y, kind, level], -1) * 0.05))
        z = torch.where(tokens[..., :1] != 255, z, torch.full_like(z, -1.0))
        return F.leaky_relu(self.two(z.max(dim=-2).values))


class Choice(nn.Module):
    """Actor and critic on top of one or two cores."""

    def __init__(self, env, width):
        super(Choice, self).__init__()
        self.actor = nn.Linear(width, sum(m + 1 for m in env.max_action_args))
        self.critic = nn.Linear(width, 1)

    def forward(self, h, g=None):
        return F.log_softmax(self.actor(h), dim=-1), self.critic(h if g is None else g)


class ActionTable(object):
    """The joint index counts the actions of all earlier types."""

    def _convert_action_to_logit_index(self, action):
        action = action.view(-1, 2).long()
        return action[:, 0] + self.cum_action_max_params[action[:, 0]] + action[:, 1]

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index].int()

    def write(self, td, log_probs, value, action=None):
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1).squeeze(1)
            td["actions"] = self._convert_logit_index_to_action(index)
            td["values"] = value.squeeze(1)
        else:
            index = self._convert_action_to_logit_index(action)
            td["value"] = value
            td["entropy"] = -(log_probs * log_probs.exp()).sum(1)
        td["act_log_prob"] = log_probs.gather(1, index.unsqueeze(1)).squeeze(1)
        td["full_log_probs"] = log_probs
        return td


def init_core(core):
    for p in core.parameters():
        if p.dim() == 1:
            p.data.fill_(1)
        else:
            nn.init.orthogonal_(p.data)
    return core


def clip(module, limit):
    """In place; 0 means no limit."""
    if limit:
        for p in module.parameters():
            p.data.clamp_(-limit, limit)
