"""Agents that were graphs once and are classes now, because classes are easier to step through."""
from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F
from tensordict import TensorDict
from torch import Tensor

from koen.graph import GraphAgent
from koen.parts import TokenSet


class ByHand(nn.Module):
    """What both have in common: names of actions, one group's states, the trainer's numbers."""

    def __init__(self, env, hidden_size: int = 128, clip_range: float = 0.0, analyze_weights_interval: int = 300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.hidden_size = hidden_size
        self.tokens = TokenSet("tokens", out_features=hidden_size)
        self.action_head = nn.Linear(hidden_size, sum(most + 1 for most in env.max_action_args))
        self.value_head = nn.Linear(hidden_size, 1)
        self.memory: dict[int, Tensor] = {}

    _convert_action_to_logit_index = GraphAgent._convert_action_to_logit_index
    _convert_logit_index_to_action = GraphAgent._convert_logit_index_to_action

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> dict[int, Tensor]:
        return {group: kept.clone() for group, kept in self.memory.items()}

    def set_memory(self, memory: dict[int, Tensor]) -> None:
        self.memory = {group: kept.clone() for group, kept in memory.items()}

    def reset_memory(self) -> None:
        self.memory.clear()

    def __getstate__(self):
        return {**self.__dict__, "memory": {}}

    def stamped(self, td: TensorDict, rows: int, steps: int) -> TensorDict:
        like = td["env_obs"]
        for key, number in zip(("bptt", "batch"), (steps, rows)):
            td[key] = torch.full((rows * steps,), number, dtype=torch.int64, device=like.device)
        return td

    def kept(self, td: TensorDict, group: int, shape: tuple[int, ...], like: Tensor) -> Tensor:
        if group not in self.memory:
            return like.new_zeros(shape)
        over = td["dones"].bool() | td["truncateds"].bool()
        return torch.where(over[None, :, None], 0.0, self.memory[group])


class Skua(ByHand):
    """`skua.yaml` by hand."""

    def __init__(self, env, hidden_size: int = 128, **options) -> None:
        super().__init__(env, hidden_size, **options)
        self.lstm = nn.LSTM(hidden_size, hidden_size, num_layers=1)
        for name, weight in self.lstm.named_parameters():
            nn.init.orthogonal_(weight) if "weight" in name else nn.init.ones_(weight)

    @torch._dynamo.disable
    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        rows, steps = (td.batch_size[0], 1) if action is None else td.batch_size
        flat = self.stamped(td if action is None else td.reshape(rows * steps), rows, steps)
        x = self.tokens(flat["env_obs"]).view(rows, steps, -1).transpose(0, 1)
        if action is None:
            group = flat["training_env_id_start"][0].item()
            h, c = self.kept(flat, group, (2, rows, self.hidden_size), x).unsqueeze(1)
            out, (h, c) = self.lstm(x, (h, c))
            self.memory[group] = torch.cat([h, c]).detach()
        else:
            out, _ = self.lstm(x)
        features = out.transpose(0, 1).flatten(0, 1)
        log_probs = F.log_softmax(self.action_head(features), dim=-1)
        value = self.value_head(features).squeeze(-1)
        if action is None:
            index = torch.randint(0, log_probs.shape[-1], (rows,), device=log_probs.device)
            flat["actions"] = self._convert_logit_index_to_action(index).to(torch.int32)
            flat["values"] = value
        else:
            index = self._convert_action_to_logit_index(action)
            flat["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
            flat["value"] = value
        flat["act_log_prob"] = log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        flat["full_log_probs"] = log_probs
        return flat if action is None else flat.reshape(rows, steps)


class Fulmar(ByHand):
    """A GRU, for the islands where two states are one too many."""

    def __init__(self, env, hidden_size: int = 128, num_layers: int = 1, **options) -> None:
        super().__init__(env, hidden_size, **options)
        self.depth = num_layers
        self.gru = nn.GRU(hidden_size, hidden_size, num_layers=num_layers)
        for name, weight in self.gru.named_parameters():
            nn.init.orthogonal_(weight) if "weight" in name else nn.init.ones_(weight)

    def clip_weights(self) -> None:
        if self.clip_range > 0:
            for head in (self.action_head, self.value_head):
                head.weight = nn.Parameter(head.weight.detach().clamp(-self.clip_range, self.clip_range))

    @torch._dynamo.disable
    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        if action is not None:
            return self.evaluate(td, action)
        rows = td.batch_size[0]
        self.stamped(td, rows, 1)
        x = self.tokens(td["env_obs"]).unsqueeze(0)
        group = td["training_env_id_start"][0].item()
        out, hidden = self.gru(x, self.kept(td, group, (self.depth, rows, self.hidden_size), x))
        self.memory[group] = hidden.detach()
        log_probs = F.log_softmax(self.action_head(out[0]), dim=-1)
        index = torch.multinomial(log_probs.exp(), 1)
        td["actions"] = self._convert_logit_index_to_action(index[:, 0]).to(torch.int32)
        td["act_log_prob"] = log_probs.gather(-1, index)[:, 0]
        td["values"] = self.value_head(out[0]).squeeze(-1)
        return td

    def evaluate(self, td: TensorDict, action: Tensor) -> TensorDict:
        rows, steps = td.batch_size
        flat = self.stamped(td.reshape(rows * steps), rows, steps)
        out, _ = self.gru(self.tokens(flat["env_obs"]).view(rows, steps, -1).transpose(0, 1))
        features = out.transpose(0, 1).flatten(0, 1)
        log_probs = F.log_softmax(self.action_head(features), dim=-1)
        index = self._convert_action_to_logit_index(action)
        flat["act_log_prob"] = log_probs.gather(-1, index[:, None])[:, 0]
        flat["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        flat["value"] = self.value_head(features).squeeze(-1)
        flat["full_log_probs"] = log_probs
        return flat.reshape(steps, rows)


class Gannet(ByHand):
    """As Fulmar, with a cell, and with heads that are kept within their bound."""

    def __init__(self, env, hidden_size: int = 128, **options) -> None:
        super().__init__(env, hidden_size, **options)
        self.cell = nn.GRUCell(hidden_size, hidden_size)
        nn.init.orthogonal_(self.cell.weight_ih)
        nn.init.orthogonal_(self.cell.weight_hh)
        nn.init.ones_(self.cell.bias_ih)
        nn.init.ones_(self.cell.bias_hh)

    def clip_weights(self) -> None:
        if self.clip_range > 0:
            self.action_head.weight.data = self.action_head.weight.data.clamp(-self.clip_range, self.clip_range)
            self.value_head.weight.data = self.value_head.weight.data.clamp(-self.clip_range, self.clip_range)

    @torch._dynamo.disable
    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        rows, steps = (td.batch_size[0], 1) if action is None else td.batch_size
        flat = self.stamped(td if action is None else td.reshape(rows * steps), rows, steps)
        x = self.tokens(flat["env_obs"]).view(rows, steps, -1)
        hidden = x.new_zeros(rows, self.hidden_size)
        if action is None:
            group = int(flat["training_env_id_start"][0])
            hidden = self.kept(flat, group, (1, rows, self.hidden_size), x)[0]
        outs = []
        for t in range(steps):
            hidden = self.cell(x[:, t], hidden)
            outs.append(hidden)
        if action is None:
            self.memory[group] = hidden.detach().unsqueeze(0)
        features = torch.stack(outs, dim=1).flatten(0, 1)
        log_probs = F.log_softmax(self.action_head(features), dim=-1)
        value = self.value_head(features).squeeze(-1)
        if action is None:
            index = torch.distributions.Categorical(logits=log_probs).sample()
            flat.update({"values": value, "actions": self._convert_logit_index_to_action(index).to(torch.int32)})
        else:
            index = self._convert_action_to_logit_index(action)
            flat.update({"value": value, "entropy": -(log_probs.exp() * log_probs).sum(-1)})
        chosen = torch.take_along_dim(log_probs, index.unsqueeze(-1), dim=-1).squeeze(-1)
        flat.update({"act_log_prob": chosen, "full_log_probs": log_probs})
        return flat if action is None else flat.reshape(rows, steps)
