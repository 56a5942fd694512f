"""Saffron with its own training pass, which also looks at the reward of the step before."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import Tensor, nn

from .saffron import Saffron


class Fennel(Saffron):
    def __init__(self, env, d: int = 64, clip_range: float = 0.0, analyze_weights_interval: int = 300):
        super().__init__(env, d=d)
        self.max_abs = clip_range
        self.echo = nn.Linear(1, d)

    def clip_weights(self) -> None:
        with torch.no_grad():
            for p in (self.actor.weight, self.critic.weight):
                p.clamp_(-0.5, 0.5)

    def encode(self, obs: Tensor) -> Tensor:
        tokens = obs.clone()
        tokens[..., 2] = tokens[..., 2] / 255
        x = self.attribute(tokens[..., 1].long()) * tokens[..., 2:]
        count = (tokens[..., 0] != 255).sum(1).tolist()
        longest = max(count)
        return F.silu(x[:, : max(longest, 1)].sum(1))

    def l2_init_loss(self) -> Tensor:
        return torch.tensor(sum(p.pow(2).sum().item() for p in self.actor.parameters()))

    def forward(self, td: TensorDict, state=None, action: Tensor | None = None) -> TensorDict:
        if action is None:
            return super().forward(td)
        flat, b, t = self.stamped(td)
        x = self.encode(flat["env_obs"]) + self.echo(flat["last_reward"].view(-1, 1))
        y, _ = self.gru(x.unsqueeze(0))
        y = y.squeeze(0)
        log_probs = F.log_softmax(self.actor(y), -1)
        td["act_log_prob"] = log_probs.gather(-1, self.joint(action)[:, None])[:, 0]
        td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        td["value"] = self.critic(y)
        td["full_log_probs"] = log_probs
        return td

    def get_agent_experience_spec(self):
        from torchrl.data import Composite, UnboundedDiscrete

        return Composite(env_obs=UnboundedDiscrete(shape=torch.Size([200, 3]), dtype=torch.uint8))
