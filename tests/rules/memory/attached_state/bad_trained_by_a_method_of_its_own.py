import torch
import torch.nn as nn


class Critic(nn.Module):
    """Values a step of an episode; keeps its hidden state from one step to the next."""

    def __init__(self, features, rate):
        super().__init__()
        self.lstm = nn.LSTM(features, 64)
        self.value = nn.Linear(64, 1)
        self.hidden = None
        self.optimizer = torch.optim.Adam(self.parameters(), lr=rate)

    def forward(self, observed):
        out, self.hidden = self.lstm(observed, self.hidden)  # expect: PF201
        return self.value(out)

    def learn(self, observed, target):
        """Learns from one step, and goes on from the state that it left."""
        loss = (self.forward(observed) - target).pow(2).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()
