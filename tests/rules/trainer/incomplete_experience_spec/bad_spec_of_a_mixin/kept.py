import torch
from torchrl.data import Composite, UnboundedDiscrete


class Kept:
    def get_agent_experience_spec(self):
        spec = Composite(env_obs=UnboundedDiscrete(shape=torch.Size([200, 3]), dtype=torch.uint8))
        return spec
