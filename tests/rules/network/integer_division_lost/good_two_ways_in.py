import torch
import torch.nn as nn
from tensordict import TensorDict


class Scaled(nn.Module):
    def __init__(self, norms):
        super().__init__()
        self.register_buffer("norms", norms)

    def halve(self, td: TensorDict) -> TensorDict:
        tokens = td["env_obs"].clone()
        tokens[..., 2] = tokens[..., 2] / self.norms[tokens[..., 1].long()]
        return td.set("tokens", tokens)

    def convert(self, td: TensorDict) -> TensorDict:
        return td.set("env_obs", td["env_obs"].float())
