import torch
import torch.nn as nn
import torch.nn.functional as F


class Racer(nn.Module):
    """The probe skips what forward puts between the convolutions; other rules follow it, too."""

    def __init__(self, size, actions):
        super().__init__()
        self.near = nn.Conv2d(3, 16, kernel_size=3)
        self.far = nn.Conv2d(16, 32, kernel_size=3)
        self.lstm = nn.LSTM(self._probe(size), 64)
        self.actor = nn.Linear(64, actions)
        self.state = None

    def _probe(self, size):
        h = torch.zeros(1, 3, *size)
        h = self.near(h)
        h = self.far(h)
        return h.numel()

    def reset_state(self):
        self.state = None

    def forward(self, x):
        h = F.elu(self.near(x))
        h = F.elu(self.far(h))
        out, self.state = self.lstm(h.view(1, len(x), -1), self.state)
        return self.actor(out)
