import torch.nn as nn


class Root(nn.Module):
    def __init__(self, env, hidden_size=64):
        super().__init__()
        self.hidden_size = hidden_size

