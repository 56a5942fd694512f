from torch import nn


class Agent(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.analyses = bool(cfg.components._value_.effective_rank)
