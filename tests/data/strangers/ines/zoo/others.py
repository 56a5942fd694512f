"""What is no policy of the contract, and must be left alone."""

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from tensordict.nn import TensorDictModule, TensorDictSequential
from torch import Tensor, nn
from torchrl.modules import LSTMModule, MLP


class LanguageModel(nn.Module):
    """Truncated back-propagation, as in the textbook."""

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, width, padding_idx=0)
        self.lstm = nn.LSTM(width, width, 2, batch_first=True)
        self.out = nn.Linear(width, words)
        self.state: tuple[Tensor, Tensor] | None = None

    def forward(self, text: Tensor) -> Tensor:
        x, state = self.lstm(self.embed(text), self.state)
        self.state = tuple(part.detach() for part in state)
        return self.out(x)


class PlainDict(nn.Module):
    """A `td` that is a dict."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.see = nn.Linear(8, width)
        self.gru = nn.GRU(width, width, batch_first=True)
        self.out = nn.Linear(width, 4)

    def forward(self, td: dict[str, Tensor], hidden: Tensor | None = None) -> tuple[dict[str, Tensor], Tensor]:
        x, hidden = self.gru(F.relu(self.see(td["features"])), hidden)
        td["actions"] = self.out(x).argmax(-1)
        return td, hidden


class GymActor(nn.Module):
    """Observation and state in, logits and state out."""

    def __init__(self, obs: int, actions: int, width: int = 64) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(obs, width)
        self.pi = nn.Linear(width, actions)

    def forward(self, obs: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        h, c = self.cell(obs, state)
        return self.pi(h), (h, c)


class TorchRLActor(nn.Module):
    """Modules by keys: the state travels under `next`."""

    def __init__(self, obs: int, actions: int) -> None:
        super().__init__()
        self.net = TensorDictSequential(
            TensorDictModule(MLP(out_features=64), in_keys=["observation"], out_keys=["embed"]),
            LSTMModule(64, 64, in_key="embed", out_key="embed"),
            TensorDictModule(nn.Linear(64, actions), in_keys=["embed"], out_keys=["logits"]),
        )

    def forward(self, td: TensorDict) -> TensorDict:
        td = self.net(td)
        td["action"] = td["logits"].argmax(-1)
        return td


class OpenEnded(nn.Module):
    """Keeps its state, and never lets go of the graph."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gru = nn.GRU(width, width)
        self.state: Tensor | None = None

    def forward(self, td: TensorDict) -> TensorDict:
        out, self.state = self.gru(td["observation"].unsqueeze(0), self.state)
        td["embedding"] = out.squeeze(0)
        return td
