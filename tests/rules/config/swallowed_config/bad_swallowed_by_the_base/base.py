import torch.nn as nn


class Recurrent(nn.Module):
    def __init__(self, env, hidden_size=64, **options):
        super().__init__()
        self.hidden_size = hidden_size
