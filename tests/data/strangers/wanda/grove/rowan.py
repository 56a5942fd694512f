"""Two LSTM cells on top of each other, stepped by hand."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from .parts import ActionScores, stamp
from .settings import CoreSettings


@dataclass
class Recollection:
    h: list[Tensor]
    c: list[Tensor]

    @classmethod
    def blank(cls, layers: int, rows: int, width: int, like: Tensor) -> Recollection:
        return cls(
            [like.new_zeros(rows, width) for _ in range(layers)],
            [like.new_zeros(rows, width) for _ in range(layers)],
        )


class Rowan(nn.Module):
    def __init__(self, env, core: CoreSettings = CoreSettings(), clip_range: float = 0.0, **unused):
        super().__init__()
        self.width = core.width
        self.cells = nn.ModuleList([nn.LSTMCell(core.width, core.width) for _ in range(core.num_layers)])
        for cell in self.cells:
            nn.init.orthogonal_(cell.weight_ih)
            nn.init.orthogonal_(cell.weight_hh)
            nn.init.ones_(cell.bias_ih)
            nn.init.ones_(cell.bias_hh)
        self.kinds = nn.Embedding(256, core.width, padding_idx=255)
        nn.init.trunc_normal_(self.kinds.weight, std=0.02)
        self.scores = ActionScores(core.width)
        self.value = nn.Linear(core.width, 1)
        self.frequencies = 2.0 ** torch.arange(6)
        self.wave = nn.Linear(6, core.width, bias=False)
        self.recollection: dict[int, Recollection] = {}

    def has_memory(self):
        return len(self.cells) > 0

    def get_memory(self):
        return {k: Recollection(list(r.h), list(r.c)) for k, r in self.recollection.items()}

    def set_memory(self, memory):
        self.recollection = dict(memory)

    def reset_memory(self):
        self.recollection = {}

    def __getstate__(self):
        return {**self.__dict__, "recollection": {}}

    def clip_weights(self):
        bound = 1.0
        with torch.no_grad():
            for p in self.parameters():
                p.clamp_(-bound, bound)

    def tokens(self, obs: Tensor) -> Tensor:
        obs = obs.clone()
        obs[obs == 255] = 0
        real = (obs[..., 0] != 255).unsqueeze(-1)
        phase = obs[..., 2:].float() / 255 * self.frequencies
        x = self.kinds(obs[..., 1].long()) + self.wave(torch.sin(phase))
        return torch.relu((x * real).sum(-2))

    def advance(self, x: Tensor, past: Recollection) -> tuple[Tensor, Recollection]:
        h, c = [], []
        for cell, h0, c0 in zip(self.cells, past.h, past.c):
            h1, c1 = cell(x, (h0, c0))
            h.append(h1)
            c.append(c1)
            x = h1
        return x, Recollection(h, c)

    @torch._dynamo.disable
    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        training = action is not None
        rows = td.batch_size[0]
        steps = td.batch_size[1] if training else 1
        flat = td.reshape(rows * steps) if training else td
        stamp(flat, steps=rows, rows=steps)
        x = self.tokens(flat["env_obs"]).view(rows, steps, -1)
        past = Recollection.blank(len(self.cells), rows, self.width, x)
        if not training:
            group = td["training_env_id_start"][0].item()
            past = self.recollection.get(group, past)
            over = (td["dones"].bool() & td["truncateds"].bool()).view(-1, 1)
            past = Recollection(
                [h.masked_fill(over, 0.0) for h in past.h], [c.masked_fill(over, 0.0) for c in past.c]
            )
        ys = []
        for t in range(steps):
            y, past = self.advance(x[:, t], past)
            ys.append(y)
        if not training:
            self.recollection[group] = past
        y = torch.stack(ys, dim=1).view(rows * steps, -1)
        log_probs, value = self.scores(y), self.value(y)
        if training:
            pairs = action.reshape(-1, 2).long()
            index = pairs[:, 0] + self.cum_action_max_params[pairs[:, 0]] + pairs[:, 1]
            flat["act_log_prob"] = log_probs.gather(1, index[:, None])[:, 0]
            flat["entropy"] = torch.distributions.Categorical(logits=log_probs).entropy()
            flat["values"] = value
            flat["full_log_probs"] = log_probs
            return flat.reshape(rows, steps)
        index = torch.multinomial(log_probs.exp(), 1)
        td["actions"] = self.action_index_tensor[index[:, 0]].int()
        td["act_log_prob"] = log_probs.gather(1, index)[:, 0]
        td["values"] = value[:, 0]
        td["full_log_probs"] = log_probs
        return td
