"""What the three birds share: a pooled token encoder, the action tables and the two ways to write outputs."""
from __future__ import annotations

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn
from torchrl.data import Composite, UnboundedDiscrete


class Plumage(nn.Module):
    def __init__(self, env, width: int):
        super().__init__()
        most = torch.ones(256)
        for index, bound in env.feature_normalizations.items():
            most[index] = bound or 1.0
        self.register_buffer("most", most)
        self.where = nn.Embedding(256, width)
        self.what = nn.Embedding(256, width)
        self.gain = nn.Embedding(256, width)
        self.fold = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU())

    def forward(self, tokens: Tensor) -> Tensor:
        place, kind, amount = tokens.long().unbind(-1)
        size = (tokens[..., 2].float() / self.most[kind]).unsqueeze(-1)
        seen = (place != 255).unsqueeze(-1)
        summed = (self.where(place) + self.what(kind) + self.gain(kind) * size).masked_fill(~seen, 0.0).sum(-2)
        return self.fold(summed / seen.sum(-2).clamp_min(1))


class Speaks:
    """Mixin: heads and outputs. The class that mixes it in has `pi` and `v`."""

    pi: nn.Linear
    v: nn.Linear
    clip_range: float
    cum_action_max_params: Tensor
    action_index_tensor: Tensor

    def make_heads(self, env, width: int) -> None:
        self.view = tuple(env.single_observation_space.shape)
        self.pi = nn.Linear(width, sum(most + 1 for most in env.max_action_args))
        self.v = nn.Linear(width, 1)

    def get_agent_experience_spec(self) -> Composite:
        return Composite(env_obs=UnboundedDiscrete(shape=self.view, dtype=torch.uint8))

    def has_memory(self) -> bool:
        return True

    @torch.no_grad()
    def clip_weights(self) -> None:
        if self.clip_range > 0:
            for weight in self.parameters():
                weight.clamp_(-self.clip_range, self.clip_range)

    def _convert_action_to_logit_index(self, pairs: Tensor) -> Tensor:
        kind, argument = pairs.long().T
        return kind + self.cum_action_max_params[kind] + argument

    def _convert_logit_index_to_action(self, index: Tensor) -> Tensor:
        return self.action_index_tensor[index]

    def speak(self, td: TensorDictBase, hidden: Tensor, action: Tensor | None) -> None:
        log_probs = self.pi(hidden).log_softmax(-1)
        td["full_log_probs"] = log_probs
        match action:
            case None:
                index = log_probs.exp().multinomial(1).squeeze(-1)
                td["actions"] = self._convert_logit_index_to_action(index).to(torch.int32)
                td["values"] = self.v(hidden).squeeze(-1)
            case given:
                index = self._convert_action_to_logit_index(given.reshape(-1, 2))
                td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
                td["value"] = self.v(hidden)
        td["act_log_prob"] = log_probs[torch.arange(index.shape[0], device=index.device), index]


def stamp(td: TensorDictBase, batch: int, bptt: int, device: torch.device) -> None:
    ones = torch.ones(batch * bptt, dtype=torch.int64, device=device)
    td.update({"bptt": ones * bptt, "batch": ones * batch})


def breaks(td: TensorDictBase, batch: int, bptt: int, device: torch.device) -> Tensor:
    """Where the observation is the first of its episode."""
    flags = [td[key].reshape(batch, bptt).bool() for key in ("dones", "truncateds") if key in td.keys()]
    return torch.stack([torch.zeros(batch, bptt, dtype=torch.bool, device=device), *flags]).any(0)
