from torch import nn


class Kinds(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self._kinds = nn.Embedding(256, config.width, padding_idx=255)
        self._places = nn.Embedding(256, config.width)
        nn.init.trunc_normal_(self._places.weight, std=0.02)

    def forward(self, td):
        tokens = td[self.config.in_key].long()
        td[self.config.out_key] = self._kinds(tokens[..., 1]) + self._places(tokens[..., 0])
        return td
