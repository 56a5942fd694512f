"""What the sweep of June came up with. The numbers are the sweep's."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gridappo.model.actor_critic import ActorCritic
from gridappo.model.cores import ModelCoreRNN


class SmallHead(nn.Module):
    def __init__(self, size: int, actions: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(size, 256)
        self.out = nn.Linear(256, actions)
        nn.init.orthogonal_(self.out.weight, gain=0.01)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.nn.functional.silu(self.hidden(x)))


class TunedActorCritic(ActorCritic):
    def __init__(
        self,
        env,
        hidden_size: int = 192,
        num_layers: int = 2,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
    ) -> None:
        super().__init__(env, hidden_size=hidden_size, clip_range=clip_range)
        self.core = ModelCoreRNN(hidden_size, 1)
        for parameter in self.parameters():
            if parameter.dim() >= 2:
                nn.init.orthogonal_(parameter, 1.0)

    def make_actor(self, env, size: int) -> nn.Module:
        return SmallHead(size, sum(int(most) + 1 for most in env.max_action_args))

    def l2_init_loss(self) -> Tensor:
        distance = 0.0
        for name, parameter in self.actor.named_parameters():
            distance = distance + (parameter.detach() - self.initial[name].to(parameter.device)).pow(2).sum()
        return self.l2_init_scale * distance

    @torch.no_grad()
    def clip_weights(self) -> None:
        super().clip_weights()
        for parameter in self.parameters():
            parameter.clamp_(-1.0, 1.0)
