import torch.nn as nn


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(8, 8)
        self.head = nn.Linear(8, 1)

    def forward(self, x):
        return self.head(self.lstm(x)[0])

    def clip_weights(self):
        for weight in self.parameters():
            weight.data.clamp_(-0.01, 0.01)  # a Wasserstein critic
