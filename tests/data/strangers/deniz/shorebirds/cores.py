from __future__ import annotations

import torch
from torch import Tensor, nn


class LSTMCore(nn.Module):
    """An LSTM whose state is one tensor [B, 2, layers, width]."""

    def __init__(self, features: int, width: int, layers: int) -> None:
        super().__init__()
        self.shape = (2, layers, width)
        self.lstm = nn.LSTM(features, width, layers)
        for name, weight in self.lstm.named_parameters():
            if "bias" in name:
                nn.init.constant_(weight, 1.0)
            else:
                nn.init.orthogonal_(weight, gain=1.0)

    def forward(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One step: features [B, F], state [B, 2, L, H] -> output [B, H] and the state after it."""
        h, c = state.permute(1, 2, 0, 3).contiguous().unbind(0)
        out, (h, c) = self.lstm(features.unsqueeze(0), (h, c))
        return out.squeeze(0), torch.stack((h, c)).permute(2, 0, 1, 3)
