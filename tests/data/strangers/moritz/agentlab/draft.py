"""First version, before there was a base class. Kept for old checkpoints."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import Tensor, nn

from .encoders import DraftEncoder
from .heads import BilinearActor, orthogonal_core


class DraftAgent(nn.Module):
    def __init__(
        self,
        env,
        hidden_size: int = 128,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
    ) -> None:
        super().__init__()
        self.clip_range = 0.0
        self.analyze_weights_interval = analyze_weights_interval
        self.encoder = DraftEncoder(hidden_size)
        self.core = orthogonal_core(nn.GRU(hidden_size, hidden_size, 2))
        self.actor = BilinearActor(hidden_size, 16)
        self.critic = nn.Sequential(nn.Linear(hidden_size, 1024), nn.Tanh(), nn.Linear(1024, 1))
        self.initial = [p.data.clone() for p in self.actor.parameters()]
        self.memory: Tensor | None = None

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> Tensor | None:
        return None if self.memory is None else self.memory.clone()

    def set_memory(self, memory: Tensor | None) -> None:
        self.memory = memory

    def reset_memory(self) -> None:
        self.memory = None

    def clip_weights(self) -> None:
        if self.clip_range > 0:
            with torch.no_grad():
                for p in self.parameters():
                    p.clamp_(-self.clip_range, self.clip_range)

    def l2_init_loss(self) -> Tensor:
        loss = torch.zeros((), device=self.initial[0].device)
        for p, start in zip(self.actor.parameters(), self.initial):
            loss = loss + ((p.data - start) ** 2).sum()
        return loss

    def forward(self, td: TensorDict, state=None, action: Tensor | None = None) -> TensorDict:
        rows = td.batch_size[0]
        steps = 1 if td.batch_dims == 1 else td.batch_size[1]
        td.set("bptt", torch.full((rows * steps,), steps, dtype=torch.long))
        td.set("batch", torch.full((rows * steps,), rows, dtype=torch.long))
        if steps > 1:
            td = td.reshape(rows * steps)

        hidden = self.encoder(td.get("env_obs")).view(rows, steps, -1).transpose(0, 1)
        memory = self.memory
        if memory is not None and "dones" in td.keys():
            memory = memory.masked_fill(td["dones"].bool().view(1, -1, 1), 0.0)
        hidden, self.memory = self.core(hidden, memory)
        hidden = hidden.transpose(0, 1).flatten(0, 1)

        log_probs = F.log_softmax(self.actor(hidden, len(self.action_index_tensor)), dim=-1)
        value = self.critic(hidden)
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1).view(-1)
            td.set("actions", self.action_index_tensor[index].int())
            td.set("act_log_prob", log_probs.gather(1, index[:, None])[:, 0])
            td.set("values", value.view(-1))
            td.set("full_log_probs", log_probs)
            return td
        action = action.reshape(rows * steps, -1).long()
        index = action[:, 0] + self.cum_action_max_params[action[:, 0]] + action[:, 1]
        td.set("act_log_prob", log_probs.gather(1, index[:, None])[:, 0])
        td.set("entropy", -(log_probs.exp() * log_probs).sum(dim=1))
        td.set("value", value)
        td.set("full_log_probs", log_probs)
        return td.reshape(rows, steps)
