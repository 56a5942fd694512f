"""Self-attention over tokens, GRU, bf16 where the device has it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import Tensor, nn

from .common import ClipMixin, ConfigMixin, HeadMixin, MemoryMixin, StampMixin


class Block(nn.Module):
    def __init__(self, d: int, heads: int):
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.attention = nn.MultiheadAttention(d, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d))

    def forward(self, x: Tensor, ignore: Tensor) -> Tensor:
        y = self.norm_1(x)
        x = x + self.attention(y, y, y, key_padding_mask=ignore, need_weights=False)[0]
        return x + self.mlp(self.norm_2(x))


class Saffron(ConfigMixin, ClipMixin, StampMixin, MemoryMixin, HeadMixin, nn.Module):
    def __init__(self, env, d: int = 64, blocks: int = 2, lanes: int = 4096, **kwargs):
        super().__init__(**kwargs)
        self.attribute = nn.Embedding(256, d)
        self.place = nn.Embedding(256, d)
        self.value = nn.Linear(1, d)
        self.first = nn.Parameter(torch.zeros(1, 1, d))
        self.blocks = nn.ModuleList(Block(d, 4) for _ in range(blocks))
        self.gru = nn.GRU(d, d)
        for name, p in self.gru.named_parameters():
            init = nn.init.orthogonal_ if "weight" in name else nn.init.ones_
            init(p)
        self.actor = nn.Linear(d, sum(m + 1 for m in env.max_action_args))
        self.critic = nn.Linear(d, 1)
        self.register_buffer("state", torch.zeros(1, lanes, d), persistent=False)

    def encode(self, obs: Tensor) -> Tensor:
        token = self.attribute(obs[..., 1].long()) + self.place(obs[..., 0].long())
        token = F.silu(token + self.value(obs[..., 2:].float() / 255))
        first = self.first.expand(obs.shape[0], -1, -1)
        ignore = F.pad(obs[..., 0] == 255, (1, 0), value=False)
        x = torch.cat([first, token], dim=1)
        for block in self.blocks:
            x = block(x, ignore)
        return F.silu(x[:, 0])

    def forward(self, td: TensorDict, state=None, action: Tensor | None = None) -> TensorDict:
        td, b, t = self.stamped(td)
        x = self.encode(td["env_obs"]).view(b, t, -1).transpose(0, 1)
        if action is None:
            lanes = self.lanes(td)
            y, h = self.gru(x, self.fresh(td, self.state[:, lanes]))
            self.state[:, lanes] = h.detach().to(self.state.dtype)
        else:
            y, _ = self.gru(x)
        y = y.transpose(0, 1).reshape(b * t, -1).float()
        log_probs = F.log_softmax(self.actor(y), -1)
        td["full_log_probs"] = log_probs
        if action is None:
            index, td["act_log_prob"] = self.choose(log_probs)
            td["actions"] = self.action_index_tensor[index].to(torch.int32)
            td["values"] = self.critic(y).squeeze(-1)
            return td
        td["act_log_prob"] = log_probs.gather(-1, self.joint(action)[:, None])[:, 0]
        td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        td["value"] = self.critic(y)
        return td.reshape(b, t)
