import torch
from tensordict import TensorDict
from torch import Tensor, nn


class Scanner(nn.Module):
    def __init__(self, hidden_size: int = 64) -> None:
        super().__init__()
        self.embed = nn.Linear(3, hidden_size)
        self.lstm = nn.LSTM(hidden_size, hidden_size)

    def scan(self, tokens: Tensor) -> Tensor:
        lengths, start = (tokens[:, :, 0] != 255).sum(1), 0
        total = tokens.new_zeros(tokens.shape[0], 64, dtype=torch.float32)
        while (lengths > start).any():
            part = tokens[:, start : start + 32].float() / 255.0
            total = total + self.embed(part).sum(1)
            start += 32
        return total

    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        hidden, _ = self.lstm(self.scan(td["env_obs"]).unsqueeze(0))
        td["hidden"] = hidden[0]
        return td
