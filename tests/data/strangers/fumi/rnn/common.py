"""Functions that all policies here use."""
import torch
import torch.nn as nn
import torch.nn.functional as F


def shape_of(td):
    """(rows, steps) of a TensorDict of batch size [B] or [B, T]"""
    return (td.batch_size[0], 1) if td.batch_dims == 1 else tuple(td.batch_size)


def stamp(td, rows, steps, *, device):
    td.set("bptt", torch.full((rows * steps,), steps, dtype=torch.int64, device=device))
    td.set("batch", torch.full((rows * steps,), rows, dtype=torch.int64, device=device))


def write_sample(td, logits, value):
    logp = F.log_softmax(logits, -1)
    a = torch.multinomial(logp.exp(), 1)
    td["actions"] = a.to(torch.int32)
    td["act_log_prob"] = logp.gather(-1, a).squeeze(-1)
    td["values"] = value.squeeze(-1)
    td["full_log_probs"] = logp
    return td


def write_evaluation(td, logits, value, action):
    logp = F.log_softmax(logits, -1)
    a = action.reshape(-1, 1).long()
    td["act_log_prob"] = logp.gather(-1, a).squeeze(-1)
    td["entropy"] = -(logp.exp() * logp).sum(-1)
    td["value"] = value
    td["full_log_probs"] = logp
    return td


def clip_(module, bound):
    if bound > 0:
        with torch.no_grad():
            for layer in module.modules():
                if isinstance(layer, nn.Linear):
                    layer.weight.clamp_(-bound, bound)


class TokenMix(nn.Module):
    """tokens -> one vector; padding is left out of the mean"""

    def __init__(self, env, width):
        super().__init__()
        scale = torch.ones(256)
        for i, v in env.feature_normalizations.items():
            scale[i] = v or 1.0
        self.register_buffer("scale", scale)
        self.feature = nn.Embedding(256, width)
        self.place = nn.Embedding(256, width)
        self.mix = nn.Linear(width, width)

    def forward(self, tokens):
        place, feature = tokens[..., 0].int(), tokens[..., 1].int()
        strength = tokens[..., 2].float() / self.scale[feature.long()]
        x = torch.relu(self.feature(feature) * strength.unsqueeze(-1) + self.place(place))
        used = (place != 255).float().unsqueeze(-1)
        x = (x * used).sum(-2) / (used.sum(-2) + 1e-6)
        return torch.relu(self.mix(x))
