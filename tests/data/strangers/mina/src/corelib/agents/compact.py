from __future__ import annotations

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn

from ..core.bases import RecurrentAgent, initialise_core
from ..core.registry import register


@register("compact")
class CompactAgent(RecurrentAgent):
    """Cuts the padding off before it embeds: for small devices."""

    def __init__(
        self,
        env,
        width: int = 32,
        hidden_size: int = 64,
        num_layers: int = 2,
        environments: int = 1024,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
    ) -> None:
        super().__init__(env, clip_range=clip_range, analyze_weights_interval=analyze_weights_interval)
        self.num_layers = num_layers
        self.embed = nn.Embedding(256, width)
        self.dense = nn.Linear(width + 2, hidden_size)
        self.core = initialise_core(nn.LSTM(hidden_size, hidden_size, num_layers=1))
        self._register_memory(2, 1, hidden_size, environments)
        self.actor = nn.Linear(hidden_size, self.num_actions)
        self.critic = nn.Linear(hidden_size, 1)
        self.register_buffer("dense_start", self.dense.weight.detach().clone(), persistent=False)
        self.register_buffer("actor_start", self.actor.weight.detach().clone(), persistent=False)

    def trim(self, tokens: Tensor) -> Tensor:
        is_padding = tokens[..., 0] == 0xFF
        lengths = is_padding.to(torch.int8).argmax(dim=-1)
        longest = lengths.max()
        if longest > 0:
            tokens = tokens[:, :longest]
        return tokens

    def encode(self, tokens: Tensor) -> Tensor:
        tokens = self.trim(tokens)
        place, attribute, amount = tokens.unbind(-1)
        features = torch.cat([self.embed(attribute.long()), torch.stack([place, amount], -1) / 255], dim=-1)
        hidden = torch.relu(self.dense(features))
        return hidden.masked_fill((place == 0xFF).unsqueeze(-1), 0.0).amax(dim=1)

    def advance(self, inputs: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        output, memory = self.core(inputs.unsqueeze(0), (memory[0].contiguous(), memory[1].contiguous()))
        return output.squeeze(0), torch.stack(memory)

    def decode(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        return self.actor(hidden), self.critic(hidden)

    def l2_init_loss(self) -> Tensor:
        drift = self.dense.weight.detach() - self.dense_start
        return drift.pow(2).sum() + (self.actor.weight.detach() - self.actor_start).pow(2).sum()

    def forward(self, td: TensorDictBase, state=None, action: Tensor | None = None) -> TensorDictBase:
        if action is None:
            return super().forward(td)
        flat, shape = self.flatten(td)
        self.stamp(flat, shape=shape, device=flat["env_obs"].device)
        hidden = self.recur(flat, self.encode(flat["env_obs"]), shape, acting=False)
        logits, value = self.decode(hidden)
        log_probs = logits.log_softmax(dim=-1)
        index = self.to_index(action.reshape(shape.flat, 2)).unsqueeze(-1)
        flat["full_log_probs"] = log_probs
        flat["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
        flat["entropy"] = -(log_probs.exp() * log_probs).sum(dim=-1)
        flat["value"] = value
        return flat
