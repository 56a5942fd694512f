"""Small pure functions: nothing here keeps or changes anything that it is given."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .shapes import Box, Carry, Choice, Tokens

PADDING = 0xFF


def read_tokens(raw: Tensor) -> Tokens:
    wide = raw.long()
    place = wide[..., 0]
    return Tokens(place >> 4, place & 0xF, wide[..., 1], raw[..., 2].float(), place != PADDING)


def inside(tokens: Tokens, box: Box) -> Tensor:
    return tokens.present & (tokens.x < box.width) & (tokens.y < box.height) & (tokens.attribute < box.layers)


def paint(tokens: Tokens, box: Box) -> Tensor:
    """[N, layers, width, height] of what the tokens say."""
    keep = inside(tokens, box)
    place = (tokens.attribute * box.width + tokens.x) * box.height + tokens.y
    blank = tokens.value.new_zeros(place.shape[0], box.cells + 1)
    full = blank.scatter(1, place.masked_fill(~keep, box.cells), tokens.value)
    return full.narrow(1, 0, box.cells).unflatten(1, box)


def scales(env, box: Box) -> Tensor:
    return torch.tensor([float(env.feature_normalizations.get(i, 1)) for i in range(box.layers)]).view(
        -1, 1, 1
    )


def recurrent_start(core: nn.Module) -> nn.Module:
    for name, weight in core.named_parameters():
        nn.init.constant_(weight, 1.0) if "bias" in name else nn.init.orthogonal_(weight)
    return core


def small_orthogonal(table: nn.Embedding, largest: float = 0.1) -> nn.Embedding:
    start = nn.init.orthogonal_(torch.empty_like(table.weight.data))
    table.weight.data.copy_(start * (largest / start.abs().max()))
    return table


def rows_of(start: Tensor) -> Tensor:
    return start + torch.arange(start.shape[0], device=start.device)


def recall(carry: Carry, rows: Tensor, ended: Tensor) -> Carry:
    keep = (~ended).float().unsqueeze(-1)
    return Carry(*(part.index_select(0, rows) * keep for part in carry))


def keep(carry: Carry, rows: Tensor, new: Carry) -> Carry:
    return Carry(*(old.index_copy(0, rows, part.detach()) for old, part in zip(carry, new, strict=True)))


def sample(logits: Tensor, table: Tensor) -> Choice:
    log_probs = F.log_softmax(logits, dim=-1)
    index = torch.multinomial(log_probs.exp(), 1)
    return Choice(table[index.squeeze(-1)].int(), log_probs.gather(-1, index).squeeze(-1), log_probs)


def judge(logits: Tensor, actions: Tensor, before: Tensor) -> Choice:
    kind, argument = actions.long().unbind(-1)
    log_probs = F.log_softmax(logits, dim=-1)
    index = (kind + before[kind] + argument).unsqueeze(-1)
    return Choice(actions, log_probs.gather(-1, index).squeeze(-1), log_probs)


def entropy(log_probs: Tensor) -> Tensor:
    return -(log_probs.exp() * log_probs).sum(-1)


def stamps(rows: int, steps: int, device) -> dict[str, Tensor]:
    n = (rows * steps,)
    return {
        "bptt": torch.full(n, steps, dtype=torch.long, device=device),
        "batch": torch.full(n, rows, dtype=torch.long, device=device),
    }


def clamped(weight: Tensor, bound: float) -> Tensor:
    return weight.detach().clamp(-bound, bound)
