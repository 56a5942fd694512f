"""Eyes for the ablations."""

import torch
import torch.nn.functional as F
from torch import nn

from runa.eyes import BoxEye, SetEye


class TrimmedEye(SetEye):
    """Stops at the end of the tokens; unused tokens have no kind."""

    def __init__(self, env, width, kind_size=12):
        super().__init__(env, width, kind_size)
        self.kind = nn.Embedding(256, kind_size, padding_idx=255)
        nn.init.trunc_normal_(self.kind.weight, std=0.02)

    def real(self, tokens):
        ends = (tokens[..., 0] == 255).int().argmax(dim=1)
        return torch.arange(tokens.shape[1], device=tokens.device) < ends.unsqueeze(1)


class ContrastEye(SetEye):
    """Amounts next to the largest one, instead of next to what the environment says."""

    def forward(self, tokens):
        tokens = tokens.float()
        tokens = torch.cat([tokens[..., :2], tokens[..., 2:] / tokens[..., 2:].max().clamp(min=1)], dim=-1)
        byte, kind = tokens[..., 0].long(), tokens[..., 1].long()
        each = F.relu(
            self.token(torch.cat([self.kind(kind), self.column(byte >> 4), self.row(byte & 15), tokens[..., 2:]], -1))
        )
        heed = (each @ self.question).masked_fill(byte.eq(255), -1e9).softmax(dim=1)
        return F.relu(self.join(torch.einsum("nm,nmw->nw", heed, each)))


class NormedEye(SetEye):
    """Normalises the tokens once, so that every part sees the same."""

    def forward(self, tokens):
        tokens = tokens.clone()
        tokens[..., 2] = tokens[..., 2] / self.norms[tokens[..., 1].long()]
        return super().forward(tokens)

    def amount(self, tokens):
        return tokens[..., 2:].float()


class ClassicEye(BoxEye):
    """The box that the first runs had."""

    def set_box(self, env):
        self.features, self.columns, self.rows = 22, 11, 11
        largest = [9, 1, 1, 10, 3, 254, 1, 1, 235, 8, 9, 250, 29, 1, 1, 8, 1, 1, 6, 3, 1, 2]
        self.register_buffer("divisor", torch.tensor(largest).float().view(1, 22, 1, 1), persistent=False)


class WideEye(BoxEye):
    """A box with room for all that a byte can say: no token is left out."""

    def set_box(self, env):
        self.features, self.columns, self.rows = 256, 16, 16
        self.register_buffer("divisor", self.norms.view(1, -1, 1, 1), persistent=False)

    def box(self, tokens):
        byte, feature = tokens[..., 0].long(), tokens[..., 1].long()
        amount = tokens[..., 2].float() * (byte != 255)
        box = torch.zeros(tokens.shape[0], 256, 16, 16, device=tokens.device)
        row = torch.arange(tokens.shape[0], device=tokens.device).unsqueeze(1)
        return box.index_put_((row, feature, byte >> 4, byte & 15), amount, accumulate=True)
