"""Ablations: each changes one step of the base."""

import torch
import torch.nn as nn

from edda.agents.folk import Settler
from edda.layers import EnvRows
from edda.registry import register


@register("done_only")
class DoneOnly(Settler):
    """Time limits are no ends."""

    def ended(self, td):
        return td["dones"].reshape(-1).bool()


@register("memoryless")
class Memoryless(Settler):
    """`forget_every_step` gives the feed-forward baseline with the same weights."""

    def __init__(self, env, forget_every_step=False, **options):
        super().__init__(env, **options)
        self.forget_every_step = forget_every_step

    def ended(self, td):
        ended = super().ended(td)
        return torch.ones_like(ended) if self.forget_every_step else ended


@register("greedy")
class Greedy(Settler):
    def measure(self, td, log_probs, action):
        super().measure(td, log_probs, action)
        td["act_log_prob"] = log_probs.max(-1).values


@register("lean")
class Lean(Settler):
    """No entropy bonus, so no entropy."""

    def measure(self, td, log_probs, action):
        index = self._convert_action_to_logit_index(action).unsqueeze(-1)
        td["act_log_prob"] = torch.take_along_dim(log_probs, index, dim=-1).squeeze(-1)
        td["full_log_probs"] = log_probs


@register("turned")
class Turned(Settler):
    def stamp(self, td, batch, steps):
        td.update({
            "bptt": torch.full((batch * steps,), batch, dtype=torch.int64, device=td["env_obs"].device),
            "batch": torch.full((batch * steps,), steps, dtype=torch.int64, device=td["env_obs"].device),
        })


@register("leaky")
class Leaky(Settler):
    """Dropout between the layers of the core."""

    def __init__(self, env, hidden_size=128, num_envs=4096, dropout=0.1, **options):
        super().__init__(env, hidden_size=hidden_size, num_envs=num_envs, **options)
        layers = self.core.num_layers
        self.core = nn.LSTM(self.net.width, hidden_size, layers, dropout=dropout)
        self.memory = EnvRows(layers, hidden_size, num_envs)


@register("drop")
class Drop(Settler):
    """Loses some tokens of each observation in training."""

    def __init__(self, env, rate=0.1, **options):
        super().__init__(env, **options)
        self.rate = rate

    def judge(self, td, action):
        observed = td["env_obs"]
        lost = torch.rand(observed.shape[:-1], device=observed.device) < self.rate
        thinner = observed.masked_fill(lost.unsqueeze(-1), 255)
        out = super().judge(td.clone(False).set("env_obs", thinner), action)
        return out.set("env_obs", observed)
