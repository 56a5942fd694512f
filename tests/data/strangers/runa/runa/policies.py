import torch
from torch import nn

from runa.eyes import BoxEye, SetEye
from runa.skeleton import Skeleton


class Fjord(Skeleton):
    """Box, convolutions, two layers of memory."""

    def build_eye(self, env):
        return BoxEye(env, self.hidden_size)


class Delta(Skeleton):
    """Tokens as a set, and cells of its own instead of torch's whole LSTM."""

    def build_eye(self, env):
        return SetEye(env, self.hidden_size)

    def build_core(self):
        return nn.ModuleList(nn.LSTMCell(self.hidden_size, self.hidden_size) for _ in range(self.num_layers))

    def recall(self, flat, seen, shape):
        rows, steps = shape[0], seen.shape[0] // shape[0]
        seats = self.seats_of(flat, rows)
        h, c = (list(table) for table in self.recall_state(seats))
        said = []
        for x, on in zip(seen.view(rows, steps, -1).unbind(1), self.goes_on(flat, rows, steps)):
            for layer, cell in enumerate(self.core):
                x, c[layer] = cell(x, (h[layer] * on, c[layer] * on))
                h[layer] = x
            said.append(x)
        self.keep_state(seats, torch.stack(h), torch.stack(c))
        return torch.stack(said, dim=1).flatten(0, 1)
