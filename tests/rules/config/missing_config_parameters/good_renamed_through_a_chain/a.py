import torch.nn as nn


class Root(nn.Module):
    def __init__(self, env, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval

