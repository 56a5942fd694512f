import torch
import torch.nn as nn


class Torso(nn.Module):
    """Every feature has a vector, scaled by its value and shifted by its place; padding has no part in the sum."""

    def __init__(self, env, out_features):
        super().__init__()
        norms = torch.tensor([float(env.feature_normalizations.get(i, 1.0)) or 1.0 for i in range(256)])
        self.register_buffer("norms", norms, persistent=False)
        self.feature = nn.Embedding(256, out_features)
        self.cell = nn.Embedding(256, out_features)
        self.hidden = nn.Linear(out_features, out_features)

    def forward(self, obs):
        cells = obs.select(-1, 0).int()
        features = obs.select(-1, 1).int()
        values = obs.select(-1, 2).float() / self.norms[features.long()]
        mask = cells.ne(255).unsqueeze(-1)
        parts = torch.tanh(self.feature(features) * values.unsqueeze(-1) + self.cell(cells))
        return torch.relu(self.hidden(torch.where(mask, parts, 0.0).sum(dim=-2)))
