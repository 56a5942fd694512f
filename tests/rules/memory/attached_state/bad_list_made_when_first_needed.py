import torch
import torch.nn as nn


class Critic(nn.Module):
    """Values the steps of an episode; makes the list of states when it first needs it."""

    def __init__(self, features, layers):
        super().__init__()
        self.cores = nn.ModuleList([nn.GRU(features, features) for _ in range(layers)])
        self.value = nn.Linear(features, 1)
        self.states = None

    def start(self, rows):
        self.states = []
        for core in self.cores:
            self.states.append(torch.zeros(1, rows, core.hidden_size))

    def forward(self, observed):
        if self.states is None or self.states[0].shape[1] != observed.shape[1]:
            self.start(observed.shape[1])
        out = observed
        for n, core in enumerate(self.cores):
            out, self.states[n] = core(out, self.states[n])  # expect: PF201
        return self.value(out)
