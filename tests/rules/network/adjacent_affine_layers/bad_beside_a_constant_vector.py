import torch
import torch.nn as nn
import torch.nn.functional as F


class Scout(nn.Module):
    def __init__(self, obs_size=24, actions=5):
        super().__init__()
        self.fc1 = nn.Linear(obs_size, 64)
        self.fc2 = nn.Linear(64, 64)
        self.embedding = nn.Embedding(100, 16)
        self.heads = nn.ModuleList([nn.Linear(64 + 16, n) for n in (3, 4)])
        self.lstm = nn.LSTM(64, 64)
        self.critic = nn.Linear(64, 1)

    def forward(self, x, state=None):
        out, state = self.lstm(torch.relu(self.fc1(x)), state)
        features = self.fc2(out)  # expect: PF506
        average = self.embedding.weight.mean(dim=0).expand(features.shape[0], -1)
        both = torch.cat([features, average], dim=-1)
        return [head(both) for head in self.heads], self.critic(torch.relu(out)), state
