import torch.nn as nn


class Root(nn.Module):
    def __init__(self, env, hidden_size=64, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.hidden_size = hidden_size
        self.clip_range = clip_range
        self.interval = analyze_weights_interval


class Recurrent(Root):
    def __init__(self, env, **kwargs):
        super().__init__(env, **kwargs)
