"""Agents that grew out of others, for one experiment each."""

import torch
from torch import nn
from torchrl.data import Composite, UnboundedDiscrete

from .plow import Plow, Split


class Loft(Split):
    """Explores: with probability `epsilon` any action is as good as another."""

    def __init__(self, env, *args, epsilon=0.05, **kwargs):
        super().__init__(env, *args, **kwargs)
        self.log_share = nn.Parameter(torch.tensor(epsilon).logit(), requires_grad=False)

    def decide(self, hidden):
        log_probs, value = super().decide(hidden)
        share = self.log_share.sigmoid()
        mixed = (1 - share) * log_probs.exp() + share / log_probs.shape[-1]
        return mixed.log(), value


class Thresh(Plow):
    def clip_weights(self):
        if self.clip_range <= 0:
            return
        for module in self.linear():
            bounded = module.weight.detach().clamp(-self.clip_range, self.clip_range)
            module.weight = nn.Parameter(bounded)


class Winnow(Split):
    """Charges for distance in units of the layer's size."""

    @torch.no_grad()
    def l2_init_loss(self):
        terms = [(m.weight - getattr(self, f"first_{i}")).square().mean() for i, m in enumerate(self.linear())]
        return torch.stack(terms).sum()


class Store(Split):
    """Its weights are bounded by weight decay."""

    def clip_weights(self):
        return None


class Furrow(Plow):
    """Looks at the nearest tokens first: attention falls with the place in the list."""

    def __init__(self, env, hidden_size=128, **options):
        super().__init__(env, hidden_size=hidden_size, **options)
        self.register_buffer("falling", torch.linspace(1.0, 0.5, env.single_observation_space.shape[0]), persistent=False)

    def encode(self, observations):
        spots, kinds, amounts = observations.long().unbind(-1)
        live = torch.zeros(observations.shape[0], 200, dtype=torch.bool, device=observations.device)
        live[spots != 255] = True
        amounts = (amounts / self.norms[kinds]).unsqueeze(-1)
        x = self.net(torch.cat([self.kind(kinds) + self.spot(spots), amounts], dim=-1))
        weights = (live * self.falling).unsqueeze(-1)
        return (x * weights).sum(1) / weights.sum(1).clamp(min=0.5)


class Weed(Split):
    """Is told what it did last."""

    def __init__(self, env, **options):
        super().__init__(env, **options)
        self.recent = nn.Embedding(128, 128)

    def get_agent_experience_spec(self):
        return Composite(env_obs=UnboundedDiscrete(shape=(200, 3), dtype=torch.uint8))

    def play(self, td):
        self.last = self._convert_action_to_logit_index(td["last_actions"])
        return super().play(td)

    def unroll(self, flat, batch, steps):
        last = self._convert_action_to_logit_index(flat["last_actions"])
        x = self.encode_observed(flat["env_obs"], last)
        x, _ = self.core(x.view(batch, steps, -1).transpose(0, 1))
        return self.decide(x.transpose(0, 1).reshape(batch * steps, -1))

    def encode(self, observations):
        return self.encode_observed(observations, self.last)

    def encode_observed(self, observations, last):
        return super().encode(observations) + self.recent(last)
