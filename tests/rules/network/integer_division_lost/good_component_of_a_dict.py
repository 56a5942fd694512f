import torch
import torch.nn as nn


class Scaled(nn.Module):
    def __init__(self, norms):
        super().__init__()
        self.register_buffer("norms", norms)

    def run(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        tokens = batch["env_obs"].clone()
        tokens[..., 2] = tokens[..., 2] / self.norms[tokens[..., 1].long()]
        return tokens
