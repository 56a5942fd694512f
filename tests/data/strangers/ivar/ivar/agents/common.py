"""What all agents of this package share: encoding, heads, bookkeeping. The core is the subclass's."""
from __future__ import annotations

from typing import Any, Optional

import torch
from tensordict import TensorDict
from torch import Tensor, nn
from torch.distributions import Categorical
from torchrl.data import Composite, UnboundedDiscrete

from ivar.agents.slots import SlotTable


def start_orthogonal(core: nn.Module) -> nn.Module:
    for name, weight in core.named_parameters():
        if name.startswith("bias"):
            nn.init.ones_(weight)
        else:
            nn.init.orthogonal_(weight)
    return core


class TokenPolicy(nn.Module):
    core: nn.Module
    slots: SlotTable

    def __init__(
        self,
        env: Any,
        width: int = 128,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
    ) -> None:
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.tokens = tuple(env.single_observation_space.shape)
        actions = sum(most + 1 for most in env.max_action_args)
        self.embed = nn.Sequential(nn.Linear(3, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.actor = nn.Linear(width, actions)
        self.critic = nn.Linear(width, 1)
        nn.init.orthogonal_(self.actor.weight, 0.01)

    # -- the trainer's side -------------------------------------------------------------------
    def get_agent_experience_spec(self) -> Composite:
        return Composite(env_obs=UnboundedDiscrete(shape=torch.Size(self.tokens), dtype=torch.uint8))

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> list[Tensor]:
        return self.slots.snapshot()

    def set_memory(self, memory: list[Tensor]) -> None:
        self.slots.restore(memory)

    def reset_memory(self) -> None:
        self.slots.clear()

    @torch.no_grad()
    def clip_weights(self) -> None:
        if self.clip_range > 0:
            for layer in self.modules():
                if isinstance(layer, nn.Linear):
                    layer.weight.clamp_(-self.clip_range, self.clip_range)

    # -- actions -------------------------------------------------------------------------------
    def _convert_action_to_logit_index(self, action: Tensor) -> Tensor:
        kinds, arguments = action.reshape(-1, 2).long().unbind(-1)
        return kinds + self.cum_action_max_params[kinds] + arguments

    def _convert_logit_index_to_action(self, index: Tensor) -> Tensor:
        return self.action_index_tensor[index]

    # -- one call ------------------------------------------------------------------------------
    def encode(self, obs: Tensor) -> Tensor:
        used = (obs[..., :1] != 255).float()
        each = self.embed(obs.float() / 255.0) * used
        return each.sum(dim=1) / used.sum(dim=1).clamp(min=1.0)

    def rows(self, td: TensorDict, count: int) -> Tensor:
        offsets = torch.arange(count, device=td["env_obs"].device)
        first = td.get("training_env_id_start", None)
        return offsets if first is None else first.reshape(-1)[:1] + offsets

    def ended(self, td: TensorDict, batch: int, steps: int) -> Tensor:
        ended = torch.zeros(batch, steps, dtype=torch.bool, device=td["env_obs"].device)
        for key in ("dones", "truncateds"):
            flag = td.get(key, None)
            if flag is not None:
                ended = ended | flag.reshape(batch, steps).bool()
        return ended

    def step_core(self, x: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        raise NotImplementedError

    def forward(self, td: TensorDict, state: Any = None, action: Optional[Tensor] = None) -> TensorDict:
        batch, steps = (td.batch_size[0], 1) if action is None else td.batch_size
        flat = td if action is None else td.reshape(batch * steps)
        rows = self.rows(td, batch)
        ended = self.ended(td, batch, steps)
        flat["bptt"] = torch.full((batch * steps,), steps, dtype=torch.int64, device=rows.device)
        flat["batch"] = torch.full((batch * steps,), batch, dtype=torch.int64, device=rows.device)

        features = self.encode(flat["env_obs"]).view(batch, steps, -1)
        states = self.slots.read(rows)
        outputs = []
        for t in range(steps):
            alive = (~ended[:, t]).to(features.dtype).view(1, batch, 1)
            out, states = self.step_core(features[:, t], [part * alive for part in states])
            outputs.append(out)
        self.slots.write(rows, states)
        hidden = torch.stack(outputs, dim=1).flatten(0, 1)

        dist = Categorical(logits=self.actor(hidden))
        value = self.critic(hidden)
        if action is None:
            index = dist.sample()
            flat["actions"] = self._convert_logit_index_to_action(index).to(torch.int32)
            flat["values"] = value.squeeze(-1)
        else:
            index = self._convert_action_to_logit_index(action)
            flat["entropy"] = dist.entropy()
            flat["value"] = value
        flat["act_log_prob"] = dist.log_prob(index)
        flat["full_log_probs"] = dist.logits
        return flat if action is None else flat.reshape(batch, steps)
