"""Clings to one place: small, without the shared forward."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor, nn
from torch.distributions import Categorical

from ..bases import ClipMixin, JointActionMixin, PolicyBase, SlotMemoryMixin
from ..bases.mixins import LSTMState


class Limpet(ClipMixin, JointActionMixin, SlotMemoryMixin, PolicyBase):
    def __init__(self, env, *, hidden_size: int = 64, **config) -> None:
        super().__init__(env, **config)
        self.kinds = nn.Embedding(256, hidden_size)
        self.places = nn.Embedding(256, hidden_size)
        self.mix = nn.Sequential(nn.Linear(hidden_size, hidden_size), nn.GELU())
        self.core = nn.LSTM(hidden_size, hidden_size, 2)
        for name, weight in self.core.named_parameters():
            (nn.init.ones_ if "bias" in name else nn.init.orthogonal_)(weight)
        self.make_slots(2, hidden_size, 2048)
        self.actor = nn.Linear(hidden_size, 100)
        self.critic = nn.Linear(hidden_size, 1)
        self.register_buffer("first_actor", self.actor.weight.detach().clone(), persistent=False)

    def forward(self, td: TensorDict, state=None, action: Tensor | None = None) -> TensorDict:
        rows = td.batch_size[0]
        steps = td.batch_size[1] if td.batch_dims == 2 else 1
        over = self._over(td, rows, steps)
        td = td.reshape(rows * steps) if action is not None else td
        features = self._see(td["env_obs"]).view(rows, steps, -1)
        memory = self._start(td, rows, features, resume=action is None)
        outputs = []
        for t in range(steps):
            out, after = self.core(features[:, t].unsqueeze(0), tuple(memory.cleared(over[:, t])))
            memory = LSTMState(*after)
            outputs.append(out.squeeze(0))
        hidden = torch.stack(outputs, 1).flatten(0, 1)
        policy = Categorical(logits=self.actor(hidden)[:, : self.action_index_tensor.size(0)])
        index = policy.sample()
        td["act_log_prob"] = policy.log_prob(index)
        td["full_log_probs"] = policy.logits
        if action is None:
            self.keep(td, memory)
            td["actions"] = self.pair(index)
            td["values"] = self.critic(hidden).squeeze(-1)
            return td
        td["entropy"] = policy.entropy()
        td["value"] = self.critic(hidden)
        return td

    def l2_init_loss(self) -> Tensor:
        return 1e-3 * (self.actor.weight.data - self.first_actor).pow(2).sum()

    def _start(self, td: TensorDict, rows: int, like: Tensor, *, resume: bool) -> LSTMState:
        if resume:
            return self.recall(td)
        nothing = like.new_zeros(2, rows, self.core.hidden_size)
        return LSTMState(nothing, nothing)

    def _see(self, tokens: Tensor) -> Tensor:
        real = (tokens[..., :1] != 255).float()
        said = self.kinds(tokens[..., 1].long()) * (1 + tokens[..., 2:] / 255) + self.places(tokens[..., 0].long())
        return self.mix((said * real).sum(dim=1))

    @staticmethod
    def _over(td: TensorDict, rows: int, steps: int) -> Tensor:
        flags = [td[key].view(rows, steps) > 0 for key in ("dones", "truncateds") if key in td.keys()]
        nobody = torch.zeros(rows, steps, dtype=torch.bool, device=td["env_obs"].device)
        return torch.stack([nobody, *flags]).any(dim=0)
