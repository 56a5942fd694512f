import torch.nn as nn
from tensordict import TensorDict


class Embedded(nn.Module):
    def setup(self):
        self.kinds.weight.data[255] = 0.0

    def run(self, td: TensorDict) -> None:
        td["embedded"] = self.kinds(td["env_obs"][..., 1].long())


class EmbeddedWide(Embedded):
    def setup(self):
        self.kinds = nn.Embedding(256, 16, padding_idx=255)
        nn.init.normal_(self.kinds.weight, std=0.02)
        super().setup()
