"""Encoders, heads, and how both meet the TensorDict."""
import torch
from torch import nn


def number_of_actions(env):
    return sum(int(most) + 1 for most in env.max_action_args)


class Glance(nn.Module):
    """Mean and maximum over what the bird sees."""

    def __init__(self, width, inner=48):
        super().__init__()
        self.each = nn.Sequential(nn.Linear(4, inner), nn.GELU(), nn.Linear(inner, inner), nn.GELU())
        self.all = nn.Sequential(nn.Linear(2 * inner, width), nn.GELU())

    def forward(self, tokens):
        hidden = (tokens[..., :1] == 255)
        place = tokens[..., 0]
        numbers = torch.stack((place >> 4, place & 15, tokens[..., 1], tokens[..., 2]), dim=-1).float()
        seen = self.each(numbers / 32.0).masked_fill(hidden, 0.0)
        count = (~hidden).sum(dim=-2).clamp_min(1)
        return self.all(torch.cat((seen.sum(dim=-2) / count, seen.amax(dim=-2)), dim=-1))


class Beak(nn.Module):
    """Actor and critic; the actor starts close to uniform."""

    def __init__(self, width, actions):
        super().__init__()
        self.actor = nn.Linear(width, actions)
        self.critic = nn.Linear(width, 1)
        nn.init.orthogonal_(self.actor.weight, 0.01)
        nn.init.zeros_(self.actor.bias)

    def forward(self, x):
        return torch.log_softmax(self.actor(x), dim=-1), self.critic(x)


def rollout_outputs(bird, td, log_probs, value):
    index = torch.multinomial(log_probs.exp(), 1)
    td["actions"] = bird._convert_logit_index_to_action(index[:, 0]).to(torch.int32)
    td["act_log_prob"] = log_probs.gather(1, index)[:, 0]
    td["values"] = value[:, 0]
    td["full_log_probs"] = log_probs
    return td


def training_outputs(bird, td, log_probs, value, action):
    index = bird._convert_action_to_logit_index(action.reshape(-1, 2))[:, None]
    td["act_log_prob"] = log_probs.gather(1, index)[:, 0]
    td["entropy"] = -torch.sum(log_probs * log_probs.exp(), dim=1)
    td["value"] = value
    td["full_log_probs"] = log_probs
    return td


def sound_core(core):
    """Orthogonal matrices and biases of one."""
    with torch.no_grad():
        for name, weight in core.named_parameters():
            if "bias" in name:
                weight.fill_(1.0)
            else:
                nn.init.orthogonal_(weight, gain=1)
    return core
