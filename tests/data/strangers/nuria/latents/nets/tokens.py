import torch
import torch.nn as nn

PADDING = 255


class FourierTokens(nn.Module):
    """(coordinate byte, attribute, value) -> one vector for each token."""

    def __init__(self, attr_width=8, freqs=6):
        super(FourierTokens, self).__init__()
        self.attr_embed = nn.Embedding(256, attr_width, padding_idx=PADDING)
        nn.init.trunc_normal_(self.attr_embed.weight, std=0.02)
        with torch.no_grad():
            self.attr_embed.weight[PADDING].zero_()
        self.register_buffer("freqs", 2.0 ** torch.arange(freqs), persistent=False)
        self.width = attr_width + 4 * freqs + 1

    def forward(self, tokens):
        place = tokens[..., 0].long()
        x = (place >> 4).float() / 7.5 - 1.0
        y = (place & 15).float() / 7.5 - 1.0
        angles = torch.stack([x, y], dim=-1).unsqueeze(-1) * self.freqs
        waves = torch.cat([angles.cos(), angles.sin()], dim=-1).flatten(-2)
        value = tokens[..., 2].float().unsqueeze(-1) / 255.0
        return torch.cat([self.attr_embed(tokens[..., 1].long()), waves, value], dim=-1), place == PADDING


class ScaledTokens(nn.Module):
    """As above, with values in units of their feature."""

    def __init__(self, norms, attr_width=12, freqs=8):
        super(ScaledTokens, self).__init__()
        self.attr_embed = nn.Embedding(256, attr_width, padding_idx=PADDING)
        nn.init.trunc_normal_(self.attr_embed.weight, std=0.02)
        self.freqs = 2.0 ** torch.arange(freqs)
        scale = torch.ones(256)
        for feature, norm in norms.items():
            scale[feature] = norm or 1.0
        self.register_buffer("scale", scale, persistent=False)
        self.width = attr_width + 4 * freqs + 1

    def forward(self, tokens):
        place = tokens[..., 0].long()
        attr = tokens[..., 1].long()
        x = (place >> 4).float() / 7.5 - 1.0
        y = (place & 15).float() / 7.5 - 1.0
        ax = x.unsqueeze(-1) * self.freqs
        ay = y.unsqueeze(-1) * self.freqs
        value = (tokens[..., 2].float() / self.scale[attr]).unsqueeze(-1)
        return torch.cat([self.attr_embed(attr), ax.cos(), ax.sin(), ay.cos(), ay.sin(), value], dim=-1), place == PADDING


class TableTokens(nn.Module):
    """Learnt vectors for places and attributes, added up."""

    def __init__(self, norms, width=32):
        super(TableTokens, self).__init__()
        self.width = width
        self.attr_embed = nn.Embedding(256, width)
        self.place_embed = nn.Embedding(256, width, padding_idx=PADDING)
        nn.init.normal_(self.place_embed.weight[:PADDING], std=0.02)
        self.value = nn.Linear(1, width, bias=False)
        scale = torch.ones(256)
        for feature, norm in norms.items():
            scale[feature] = norm or 1.0
        self.scale = scale

    def forward(self, tokens):
        numbers = tokens.to(torch.int32, copy=True).float()
        scale = self.scale.to(tokens.device)
        attr = tokens[..., 1].long()
        numbers[..., 2] = numbers[..., 2] / scale[attr]
        out = self.attr_embed(attr) + self.place_embed(tokens[..., 0].long()) + self.value(numbers[..., 2:])
        return out, tokens[..., 0] == PADDING


def filled(tokens):
    """How many columns there are before the first padding: all of them where there is none."""
    padding = tokens[..., 0] == PADDING
    first = padding.int().argmax(dim=1)
    return torch.where(padding.any(dim=1), first, torch.full_like(first, tokens.shape[1]))


def filled_with_stop(tokens):
    """The same, by a column of padding behind the last one."""
    padding = tokens[..., 0] == PADDING
    stop = torch.ones_like(padding[:, :1])
    return torch.cat([padding, stop], dim=1).int().argmax(dim=1)
