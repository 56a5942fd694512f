import torch
import torch.nn as nn
from tensordict import TensorDict


class Embedded(nn.Module):
    def setup(self, width):
        self.kinds = nn.Embedding(256, width, padding_idx=255)
        nn.init.trunc_normal_(self.kinds.weight, std=0.02)
        self.kinds.weight.data[255] = 0.0

    def run(self, td: TensorDict) -> None:
        td["embedded"] = self.kinds(td["env_obs"][..., 1].long())


class EmbeddedWide(Embedded):
    def setup(self, width):
        self.kinds = nn.Embedding(256, 2 * width, padding_idx=255)
        nn.init.normal_(self.kinds.weight, std=0.02)  # expect: PF513
        self.scale = nn.Parameter(torch.ones(1))
