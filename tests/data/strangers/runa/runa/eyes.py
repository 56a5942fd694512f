import torch
import torch.nn.functional as F
from torch import nn


class Eye(nn.Module):
    """Sees tokens [N, M, 3], says vectors [N, width]."""

    def __init__(self, env, width):
        super().__init__()
        self.width = width
        norms = torch.ones(256)
        for feature, norm in env.feature_normalizations.items():
            norms[feature] = norm or 1.0
        self.register_buffer("norms", norms, persistent=False)


class BoxEye(Eye):
    def __init__(self, env, width):
        super().__init__(env, width)
        self.set_box(env)
        self.coarse = nn.Conv2d(self.features, 64, kernel_size=5, stride=3)
        self.fine = nn.Conv2d(64, 64, kernel_size=3)
        side_x, side_y = ((side - 5) // 3 + 1 - 2 for side in (self.columns, self.rows))
        self.join = nn.Linear(64 * side_x * side_y, width)

    def set_box(self, env):
        self.features = 1 + max(env.feature_normalizations)
        self.columns, self.rows = env.obs_width, env.obs_height
        self.register_buffer("divisor", self.norms[: self.features].view(1, -1, 1, 1), persistent=False)

    def box(self, tokens):
        byte = tokens[..., 0].long()
        feature = tokens[..., 1].long()
        x, y = byte.div(16, rounding_mode="floor"), byte.remainder(16)
        valid = byte.ne(255) & x.lt(self.columns) & y.lt(self.rows) & feature.lt(self.features)
        # the last layer takes all that is not valid, and is not looked at
        feature = torch.where(valid, feature, self.features)
        x, y = x.clamp(max=self.columns - 1), y.clamp(max=self.rows - 1)
        box = tokens.new_zeros((tokens.shape[0], self.features + 1, self.columns, self.rows), dtype=torch.float32)
        row = torch.arange(tokens.shape[0], device=tokens.device).unsqueeze(1).expand_as(x)
        box[row, feature, x, y] = tokens[..., 2].float()
        return box[:, :-1]

    def forward(self, tokens):
        x = F.relu(self.coarse(self.box(tokens) / self.divisor))
        x = F.relu(self.fine(x))
        return F.relu(self.join(x.flatten(start_dim=1)))


class SetEye(Eye):
    """One learnt question to all tokens."""

    def __init__(self, env, width, kind_size=12):
        super().__init__(env, width)
        self.kind = nn.Embedding(256, kind_size)
        self.column, self.row = nn.Embedding(16, 8), nn.Embedding(16, 8)
        self.token = nn.Linear(kind_size + 17, width)
        self.question = nn.Parameter(torch.randn(width) / width**0.5)
        self.join = nn.Linear(width, width)

    def real(self, tokens):
        return tokens[..., 0] != 255

    def amount(self, tokens):
        return (tokens[..., 2] / self.norms[tokens[..., 1].long()]).unsqueeze(-1)

    def kinds(self, tokens):
        return self.kind(tokens[..., 1].long())

    def forward(self, tokens):
        byte = tokens[..., 0].long()
        parts = [self.kinds(tokens), self.column(byte >> 4), self.row(byte & 15), self.amount(tokens)]
        each = F.relu(self.token(torch.cat(parts, dim=-1)))
        heed = (each @ self.question).masked_fill(~self.real(tokens), -1e9).softmax(dim=1)
        return F.relu(self.join(torch.einsum("nm,nmw->nw", heed, each)))
