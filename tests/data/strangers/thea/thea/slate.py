from __future__ import annotations

from typing import Any, Sequence

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn

from thea.contract import Contract, Environment, Verdict
from thea.encoders import ConvEncoder, PatchEncoder, TokenBox
from thea.registry import register
from thea.rows import Rows, on_rows


class BilinearHead(nn.Module):
    LARGEST = 0.1

    def __init__(self, width: int, embedding: int = 16, capacity: int = 100) -> None:
        super().__init__()
        self.inner = nn.Linear(width, 512)
        self.mix = nn.Parameter(torch.empty(512, embedding).uniform_(-(512**-0.5), 512**-0.5))
        self.offset = nn.Parameter(torch.zeros(1))
        self.embeddings = nn.Embedding(capacity, embedding)
        nn.init.orthogonal_(self.embeddings.weight)
        with torch.no_grad():
            self.embeddings.weight.div_(self.embeddings.weight.abs().max()).mul_(self.LARGEST)
        self.register_buffer("active", torch.arange(capacity), persistent=False)

    def activate(self, count: int, device: torch.device | str) -> None:
        self.active = torch.arange(count, device=device)

    def forward(self, hidden: Tensor) -> Tensor:
        query = torch.tanh(self.inner(hidden).relu() @ self.mix)
        return (query @ self.embeddings(self.active).mT + self.offset).log_softmax(dim=-1)


@register("slate")
class Slate(Contract):
    def __init__(self, env: Environment, **options: Any) -> None:
        super().__init__(env, **options)
        self.encoder = self.make_encoder(env)
        self.head = BilinearHead(self.hidden_size)
        self.critic = nn.Sequential(nn.Linear(self.hidden_size, 256), nn.Tanh(), nn.Linear(256, 1), nn.Flatten(0))
        self.settle()

    def make_encoder(self, env: Environment) -> nn.Module:
        return ConvEncoder(TokenBox(env), self.hidden_size)

    def activate_action_embeddings(self, names: Sequence[str], device: torch.device | str) -> None:
        self.head.activate(len(names), device)

    def judge(self, hidden: Tensor) -> Verdict:
        return Verdict(self.head(hidden), self.critic(hidden))

    def forward(self, td: TensorDictBase, state: Any = None, action: Tensor | None = None) -> TensorDictBase:
        rows = Rows.of(td).stamp()
        verdict = self.judge(self.remember(rows, self.encoder(rows.flat["env_obs"])))
        if action is None:
            index = verdict.sample()
            td["actions"] = self._convert_logit_index_to_action(index).to(torch.int32)
            td["act_log_prob"] = verdict.of(index)
            td["values"] = verdict.value
            td["full_log_probs"] = verdict.log_probs
            return td
        rows.flat["act_log_prob"] = verdict.of(self._convert_action_to_logit_index(action))
        rows.flat["entropy"] = verdict.entropy
        rows.flat["value"] = verdict.value
        rows.flat["full_log_probs"] = verdict.log_probs
        return rows.restored()


@register("shale")
class Shale(Contract):
    """Knows rows only; the decorator knows the trainer."""

    def __init__(self, env: Environment, **options: Any) -> None:
        super().__init__(env, **options)
        self.encoder = PatchEncoder(TokenBox(env), self.hidden_size)
        self.actor = nn.Linear(self.hidden_size, sum(env.max_action_args) + len(env.max_action_args))
        self.critic = nn.Linear(self.hidden_size, 1)
        self.settle()

    def activate_action_embeddings(self, names: Sequence[str], device: torch.device | str) -> None:
        if len(names) != self.actor.out_features:
            raise ValueError("another environment than the one that this policy was made for")

    @on_rows
    def forward(self, rows: Rows, action: Tensor | None) -> None:
        hidden = self.remember(rows, self.encoder(rows.flat["env_obs"]))
        verdict = Verdict(self.actor(hidden).log_softmax(-1), self.critic(hidden).flatten())
        index = verdict.sample() if action is None else self._convert_action_to_logit_index(action)
        said = {"act_log_prob": verdict.of(index), "full_log_probs": verdict.log_probs}
        if action is None:
            said |= {"actions": self._convert_logit_index_to_action(index).int(), "values": verdict.value}
        else:
            said |= {"entropy": verdict.entropy, "value": verdict.value}
        rows.flat.update(said)
