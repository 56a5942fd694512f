"""What all birds stand on: bounds, tables of actions, and what the trainer asks for. No forward here."""

import torch
from torch import nn
from torchrl.data import Composite, UnboundedDiscrete

from birds import song


class Perch(nn.Module):
    def __init__(self, env, clip_range: float = 0.0, analyze_weights_interval: int = 300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.token_shape = tuple(env.single_observation_space.shape)
        self.cum_action_max_params = None
        self.action_index_tensor = None
        self.hatched = {}

    def hatch(self) -> None:
        self.hatched = {name: weight.detach().clone() for name, weight in self.bounded()}

    def bounded(self):
        for name, module in self.named_modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                yield name, module.weight

    @torch.no_grad()
    def clip_weights(self) -> None:
        if self.clip_range > 0:
            for _, weight in self.bounded():
                weight.clamp_(-self.clip_range, self.clip_range)

    def l2_init_loss(self) -> torch.Tensor:
        return sum((weight - self.hatched[name].to(weight.device)).square().sum() for name, weight in self.bounded())

    def get_agent_experience_spec(self):
        return Composite(env_obs=UnboundedDiscrete(shape=self.token_shape, dtype=torch.uint8))

    def activate_action_embeddings(self, names, device) -> None:
        self.action_names = list(names)

    def _convert_action_to_logit_index(self, pairs):
        return song.joint_index(self.cum_action_max_params, pairs)

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index]
