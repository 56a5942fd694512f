import torch
from torch import nn

from .units import BYTE_MAX, coord_byte_to_row_col_cells


class GridProjector(nn.Module):
    """Projects observation tokens into a box [rows, features, height_cells, width_cells]."""

    def __init__(self, env):
        super().__init__()
        self.width_cells = env.obs_width
        self.height_cells = env.obs_height
        self.num_features = 1 + max(env.feature_normalizations)
        self.register_buffer("gain_per_feature", self._gains(env.feature_normalizations), persistent=False)

    def _gains(self, normalizations):
        gains = torch.ones(self.num_features)
        for feature_id, full_scale in normalizations.items():
            if full_scale > 0:
                gains[feature_id] = 1.0 / full_scale
        return gains.view(1, -1, 1, 1)

    @property
    def num_cells(self):
        return self.num_features * self.height_cells * self.width_cells

    def _is_inside(self, row_cells, col_cells, feature_ids):
        return (row_cells < self.height_cells) & (col_cells < self.width_cells) & (feature_ids < self.num_features)

    def forward(self, tokens):
        coord_bytes, feature_ids, readings = tokens.to(torch.int64).unbind(dim=-1)
        row_cells, col_cells = coord_byte_to_row_col_cells(coord_bytes)
        usable = (coord_bytes != BYTE_MAX) & self._is_inside(row_cells, col_cells, feature_ids)
        flat_cells = (feature_ids * self.height_cells + row_cells) * self.width_cells + col_cells
        # one cell more than there are: whatever is not usable ends there
        flat_cells = torch.where(usable, flat_cells, self.num_cells)
        box = torch.zeros(tokens.shape[0], self.num_cells + 1, device=tokens.device)
        box = box.scatter(1, flat_cells, readings.to(box.dtype))
        box = box[:, : self.num_cells].reshape(-1, self.num_features, self.height_cells, self.width_cells)
        return box * self.gain_per_feature


class TokenPooler(nn.Module):
    """Attends over tokens with one learnt query; empty observations give the bias of the projection."""

    def __init__(self, token_dim, pooled_dim):
        super().__init__()
        self.feature_embed = nn.Embedding(BYTE_MAX + 1, token_dim)
        self.lift = nn.Linear(token_dim + 3, token_dim)
        self.query = nn.Parameter(torch.zeros(1, 1, token_dim))
        self.attend = nn.MultiheadAttention(token_dim, 4, batch_first=True)
        self.norm = nn.LayerNorm(token_dim)
        self.project = nn.Linear(token_dim, pooled_dim)

    def forward(self, tokens):
        coord_bytes, feature_ids, readings = tokens.to(torch.int64).unbind(dim=-1)
        is_padding = coord_bytes == BYTE_MAX
        row_cells, col_cells = coord_byte_to_row_col_cells(coord_bytes)
        pose = torch.stack((row_cells, col_cells, readings), dim=-1).float() / BYTE_MAX
        lifted = torch.tanh(self.lift(torch.cat((self.feature_embed(feature_ids), pose), dim=-1)))
        lifted = lifted.masked_fill(is_padding.unsqueeze(-1), 0.0)
        pooled, _ = self.attend(self.query.expand(tokens.shape[0], -1, -1), lifted, lifted, need_weights=False)
        return torch.relu(self.project(self.norm(pooled.squeeze(1))))
