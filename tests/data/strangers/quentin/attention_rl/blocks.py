import torch
import torch.nn.functional as F
from torch import nn


class TokenTransformer(nn.Module):
    def __init__(self, width: int, heads: int, depth: int = 2):
        super().__init__()
        self.place = nn.Embedding(256, width)
        self.attr = nn.Embedding(256, width)
        self.value = nn.Linear(1, width)
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))

    def forward(self, tokens):
        place, attr, value = tokens.unbind(dim=-1)
        x = self.place(place.int()) + self.attr(attr.int()) + torch.tanh(self.value(value[..., None] / 255.0))
        x = torch.cat([self.cls.expand(x.size(0), -1, -1), x], dim=1)
        pad = F.pad(place == 255, (1, 0), value=False)
        return self.encoder(x, src_key_padding_mask=pad)[:, 0]


class CrossAttention(nn.Module):
    """Learned queries look at the tokens."""

    def __init__(self, width: int, queries: int = 8):
        super().__init__()
        self.queries = nn.Parameter(torch.empty(queries, width))
        nn.init.trunc_normal_(self.queries, std=0.02)
        self.attr = nn.Embedding(256, width - 3, padding_idx=255)
        nn.init.trunc_normal_(self.attr.weight, std=0.02)
        with torch.no_grad():
            self.attr.weight[255].zero_()
        self.norm = nn.LayerNorm(width)
        self.k = nn.Linear(width, width, bias=False)
        self.v = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(queries * width, width)

    def tokens(self, td_tokens):
        byte = td_tokens[..., 0]
        xy = torch.stack((byte // 16, byte % 16), dim=-1).float() / 15
        return torch.cat((xy, td_tokens[..., 2:].float() / 255, self.attr(td_tokens[..., 1].long())), dim=-1)

    def forward(self, td_tokens):
        x = self.norm(self.tokens(td_tokens))
        hide = (td_tokens[..., 0] == 0xFF).unsqueeze(1)
        scores = (self.queries @ self.k(x).mT) / x.shape[-1] ** 0.5
        z = scores.masked_fill(hide, -1e9).softmax(-1) @ self.v(x)
        return F.silu(self.out(F.silu(z).flatten(1)))


class Squint(nn.Module):
    """Cuts the padding off first."""

    def __init__(self, width: int):
        super().__init__()
        self.attr = nn.Embedding(256, width, padding_idx=255)
        self.attr.weight.data.normal_(0.0, 0.02)
        self.fc = nn.Linear(width + 1, width)

    def forward(self, tokens):
        padding = tokens[..., 0] == 255
        longest = int(padding.to(torch.uint8).argmax(dim=-1).max())
        if longest == 0:
            longest = tokens.shape[1]
        tokens = tokens[:, :longest]
        values = tokens[..., 2]
        values.clamp_(max=100)
        x = torch.cat([self.attr(tokens[..., 1].long()), values.unsqueeze(-1) / 100], -1)
        return torch.relu(self.fc(x)).mean(1)


class Scores(nn.Module):
    def __init__(self, width: int, size: int = 100, dim: int = 16):
        super().__init__()
        self.fc = nn.Linear(width, 512)
        self.w = nn.Linear(512, dim)
        table = torch.empty(size, dim)
        nn.init.orthogonal_(table)
        self.table = nn.Parameter(table * (0.1 / table.abs().max()))

    def forward(self, h, n: int):
        return torch.einsum("bd,ad->ba", torch.tanh(self.w(F.relu(self.fc(h)))), self.table[:n])


class SquashedScores(Scores):
    def forward(self, h, n: int):
        return torch.tanh(torch.einsum("bd,ad->ba", self.w(F.relu(self.fc(h))), self.table[:n]))
