"""Two recurrent actors. Both step their core one observation at a time, so that episode ends inside a segment count."""
from __future__ import annotations

from typing import Optional

import torch
from tensordict import TensorDict
from torch import Tensor, nn
from torchrl.data import Composite, UnboundedDiscrete

from grid.actions import action_count
from nets.encoder import TokenEncoder


def start_core(core: nn.RNNBase) -> None:
    for name, weight in core.named_parameters():
        if name.startswith("bias"):
            nn.init.constant_(weight, 1.0)
        else:
            nn.init.orthogonal_(weight, gain=1.0)


def episode_starts(td: TensorDict, rows: int, steps: int) -> Tensor:
    begun = torch.zeros(rows * steps, dtype=torch.bool, device=td["env_obs"].device)
    for flag in ("dones", "truncateds"):
        if flag in td.keys():
            begun = begun | td[flag].reshape(-1).bool()
    return begun.view(rows, steps)


class TokenLSTM(nn.Module):
    """One memory row per environment, in a table that lives where the observations live."""

    def __init__(
        self,
        env,
        hidden_size: int = 128,
        num_layers: int = 2,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
    ):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.num_envs = env.num_envs
        self.obs_shape = env.single_observation_space.shape
        self.encoder = TokenEncoder(env, hidden_size)
        self.core = nn.LSTM(hidden_size, hidden_size, num_layers=num_layers)
        start_core(self.core)
        self.actor = nn.Linear(hidden_size, action_count(env))
        self.critic = nn.Linear(hidden_size, 1)
        self.cum_action_max_params: Optional[Tensor] = None
        self.action_index_tensor: Optional[Tensor] = None
        self._table: Optional[Tensor] = None

    # memory -----------------------------------------------------------------------------------
    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> Optional[Tensor]:
        return None if self._table is None else self._table.clone()

    def set_memory(self, memory: Optional[Tensor]) -> None:
        self._table = None if memory is None else memory.clone()

    def reset_memory(self) -> None:
        self._table = None

    def __getstate__(self):
        return {**self.__dict__, "_table": None}

    def _lookup(self, td: TensorDict, rows: int) -> Tensor:
        device = td["env_obs"].device
        place = torch.arange(rows, device=device)
        if "training_env_id_start" in td.keys():
            place = place + td["training_env_id_start"].reshape(-1)[0]
        room = max(rows, self.num_envs)
        if self._table is None:
            self._table = torch.zeros(2, self.core.num_layers, room, self.core.hidden_size, device=device)
        elif self._table.shape[2] < room:
            grown = torch.zeros(2, self.core.num_layers, room, self.core.hidden_size, device=device)
            grown[:, :, : self._table.shape[2]] = self._table
            self._table = grown
        return place

    # bookkeeping ------------------------------------------------------------------------------
    @torch.no_grad()
    def clip_weights(self) -> None:
        if self.clip_range > 0:
            for weight in self.parameters():
                weight.clamp_(-self.clip_range, self.clip_range)

    def get_agent_experience_spec(self) -> Composite:
        return Composite(env_obs=UnboundedDiscrete(shape=self.obs_shape, dtype=torch.uint8))

    def _convert_action_to_logit_index(self, actions: Tensor) -> Tensor:
        kinds, args = actions[:, 0].long(), actions[:, 1].long()
        return kinds + self.cum_action_max_params[kinds] + args

    def _convert_logit_index_to_action(self, index: Tensor) -> Tensor:
        return self.action_index_tensor[index]

    # forward ----------------------------------------------------------------------------------
    def forward(self, td: TensorDict, state=None, action: Optional[Tensor] = None) -> TensorDict:
        evaluating = action is not None
        rows, steps = tuple(td.batch_size) if evaluating else (td.batch_size[0], 1)
        if evaluating:
            td = td.reshape(rows * steps)
        obs = td["env_obs"]
        td["bptt"] = torch.full((rows * steps,), steps, dtype=torch.int64, device=obs.device)
        td["batch"] = torch.full((rows * steps,), rows, dtype=torch.int64, device=obs.device)

        features = self.encoder(obs).view(rows, steps, -1)
        begun = episode_starts(td, rows, steps)
        place = self._lookup(td, rows)
        h, c = self._table[:, :, place].unbind(0)
        outputs = []
        for t in range(steps):
            fresh = begun[:, t].view(1, rows, 1)
            h, c = h.masked_fill(fresh, 0.0), c.masked_fill(fresh, 0.0)
            out, (h, c) = self.core(features[:, t].unsqueeze(0), (h, c))
            outputs.append(out.squeeze(0))
        self._table[:, :, place] = torch.stack([h, c]).detach()
        hidden = torch.stack(outputs, dim=1).flatten(0, 1)

        log_probs = torch.log_softmax(self.actor(hidden), dim=-1)
        value = self.critic(hidden)
        td["full_log_probs"] = log_probs
        if not evaluating:
            index = torch.multinomial(log_probs.exp(), 1).squeeze(-1)
            td["actions"] = self._convert_logit_index_to_action(index).to(torch.int32)
            td["act_log_prob"] = log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)
            td["values"] = value.squeeze(-1)
            return td
        index = self._convert_action_to_logit_index(action.reshape(-1, 2))
        td["act_log_prob"] = log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        td["value"] = value
        return td.reshape(rows, steps)


class CompactGRU(nn.Module):
    """A lighter actor: a GRU whose memory is kept per environment group."""

    def __init__(
        self, env, hidden_size: int = 96, num_layers: int = 1, clip_range: float = 0.0, analyze_weights_interval: int = 300
    ):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.obs_shape = env.single_observation_space.shape
        self.encoder = TokenEncoder(env, hidden_size, embed=8)
        self.core = nn.GRU(hidden_size, hidden_size, num_layers=num_layers)
        start_core(self.core)
        self.actor = nn.Linear(hidden_size, action_count(env))
        self.critic = nn.Linear(hidden_size, 1)
        self.memory: dict[int, Tensor] = {}

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> dict[int, Tensor]:
        return self.memory

    def set_memory(self, memory: dict[int, Tensor]) -> None:
        self.memory = dict(memory)

    def reset_memory(self) -> None:
        self.memory.clear()

    def __getstate__(self):
        kept = self.__dict__.copy()
        kept["memory"] = {}
        return kept

    def clip_weights(self) -> None:
        if self.clip_range <= 0:
            return
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, (nn.Linear, nn.GRU)):
                    for weight in module.parameters():
                        weight.clamp_(-self.clip_range, self.clip_range)

    def get_agent_experience_spec(self) -> Composite:
        return Composite(env_obs=UnboundedDiscrete(shape=self.obs_shape, dtype=torch.uint8))

    def _convert_action_to_logit_index(self, actions: Tensor) -> Tensor:
        kinds = actions[:, 0].long()
        return self.cum_action_max_params[kinds] + kinds + actions[:, 1].long()

    def _convert_logit_index_to_action(self, index: Tensor) -> Tensor:
        return self.action_index_tensor.index_select(0, index)

    def _group(self, td: TensorDict) -> int:
        if "training_env_id_start" not in td.keys():
            return 0
        return td["training_env_id_start"].reshape(-1)[0].item()

    def _remembered(self, group: int, rows: int) -> Tensor:
        state = self.memory.get(group)
        if state is None:
            state = torch.zeros(self.core.num_layers, rows, self.core.hidden_size)
        return state

    @torch._dynamo.disable
    def forward(self, td: TensorDict, state=None, action: Optional[Tensor] = None) -> TensorDict:
        if action is None:
            rows, steps = td.batch_size[0], 1
        else:
            rows, steps = td.batch_size
            td = td.reshape(-1)
        obs = td["env_obs"]
        stamp = torch.ones(rows * steps, dtype=torch.int64, device=obs.device)
        td["bptt"], td["batch"] = stamp * steps, stamp * rows

        features = self.encoder(obs).view(rows, steps, -1).transpose(0, 1)
        begun = episode_starts(td, rows, steps)
        group = self._group(td)
        h = self._remembered(group, rows)
        outs = []
        for t, x in enumerate(features):
            if begun[:, t].any():
                h = h * (~begun[:, t]).float().view(1, rows, 1)
            out, h = self.core(x.unsqueeze(0), h)
            outs.append(out[0])
        self.memory[group] = h.detach()
        hidden = torch.stack(outs, dim=1).reshape(rows * steps, -1)

        log_probs = self.actor(hidden).log_softmax(dim=-1)
        td["full_log_probs"] = log_probs
        if action is None:
            index = torch.distributions.Categorical(logits=log_probs).sample()
            td["actions"] = self._convert_logit_index_to_action(index).int()
            td["values"] = self.critic(hidden).flatten()
        else:
            index = self._convert_action_to_logit_index(action.reshape(-1, 2))
            td["entropy"] = torch.distributions.Categorical(logits=log_probs).entropy()
            td["value"] = self.critic(hidden)
        td["act_log_prob"] = log_probs.gather(1, index[:, None])[:, 0]
        return td if action is None else td.reshape(rows, steps)
