import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FastWeights(nn.Module):
    """Linear attention as a memory: a matrix that each step decays, writes to and asks. State [B, D * D]."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.ask = nn.Linear(features, width, bias=False)
        self.tell = nn.Linear(features, 2 * width, bias=False)
        self.decay = nn.Linear(features, 1)
        for layer in (self.ask, self.tell, self.decay):
            nn.init.orthogonal_(layer.weight)
        nn.init.ones_(self.decay.bias)
        self.norm = nn.LayerNorm(width)

    @property
    def state_width(self) -> int:
        return self.width * self.width

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        key, value = self.tell(x).chunk(2, dim=-1)
        matrix = state.view(-1, self.width, self.width) * torch.sigmoid(self.decay(x)).unsqueeze(-1)
        matrix = matrix + torch.einsum("bk,bv->bkv", F.softmax(key, dim=-1), value)
        answer = torch.einsum("bk,bkv->bv", F.softmax(self.ask(x), dim=-1), matrix)
        return torch.tanh(self.norm(answer)), matrix.flatten(1)
