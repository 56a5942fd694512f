"""What every token-set policy shares: folding time, the bank of states, the outputs."""
from __future__ import annotations

import warnings

import torch
import torch.nn as nn
import torch.nn.functional as F
from tensordict import TensorDict

from .layers import BoundedLinear, bounded_mlp

PAD = 255


class SeqPolicy(nn.Module):
    """Subclasses say how tokens become one vector, and, if they like, how a vector becomes scores."""

    width = 96

    def __init__(self, env, hidden_size: int = 128, num_layers: int = 1, max_envs: int = 4096,
                 clip_range: float = 0.0, analyze_weights_interval: int = 300, **unused):
        super().__init__()
        if unused:
            warnings.warn(f"{type(self).__name__} has no use for {sorted(unused)}")
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.hidden_size = hidden_size
        self.tokens = env.single_observation_space.shape[0]
        self.n_features = max(env.feature_normalizations) + 1
        self.max_args = list(env.max_action_args)
        self.n_actions = sum(m + 1 for m in self.max_args)
        norms = torch.ones(256)
        for fid, norm in env.feature_normalizations.items():
            norms[fid] = norm if norm > 0 else 1.0
        self.register_buffer("norms", norms)

        self.build(env)

        self.lstm = nn.LSTM(self.width, hidden_size, num_layers, batch_first=True)
        for name, p in self.lstm.named_parameters():
            if name.startswith("bias"):
                nn.init.ones_(p)
            else:
                nn.init.orthogonal_(p)
        bank = torch.zeros(num_layers, max_envs, hidden_size)
        self.register_buffer("bank_h", bank, persistent=False)
        self.register_buffer("bank_c", bank.clone(), persistent=False)

        self.critic = bounded_mlp(hidden_size, 256, 1)
        self.build_actor(env)

    def build(self, env) -> None:
        raise NotImplementedError

    def build_actor(self, env) -> None:
        self.actor_in = BoundedLinear(hidden := self.hidden_size, hidden)
        self.actor_out = BoundedLinear(hidden, self.n_actions, gain=0.01)

    def encode(self, tokens: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def scores(self, core: torch.Tensor) -> torch.Tensor:
        return self.actor_out(F.relu(self.actor_in(core)))

    # -- memory ---------------------------------------------------------------------------------
    def has_memory(self) -> bool:
        return True

    def reset_memory(self) -> None:
        self.bank_h.zero_()
        self.bank_c.zero_()

    def get_memory(self):
        return self.bank_h.clone(), self.bank_c.clone()

    def set_memory(self, memory) -> None:
        h, c = memory
        self.bank_h.copy_(h)
        self.bank_c.copy_(c)

    def __getstate__(self):
        state = dict(self.__dict__)
        buffers = dict(state["_buffers"])
        for name in ("bank_h", "bank_c"):
            buffers[name] = torch.zeros_like(buffers[name])
        state["_buffers"] = buffers
        return state

    def _seats(self, td: TensorDict, rows: int, device) -> torch.Tensor:
        seats = torch.arange(rows, device=device)
        if "training_env_id_start" in td.keys():
            seats = seats + td["training_env_id_start"].reshape(-1)[0]
        return seats

    def _advance(self, td: TensorDict, x: torch.Tensor) -> torch.Tensor:
        rows = x.shape[0]
        seats = self._seats(td, rows, x.device)
        ended = torch.zeros(rows, dtype=torch.bool, device=x.device)
        for flag in ("dones", "truncateds"):
            if flag in td.keys():
                ended = ended | td[flag].reshape(rows).bool()
        keep = (~ended).to(x.dtype).view(1, rows, 1)
        h = self.bank_h[:, seats] * keep
        c = self.bank_c[:, seats] * keep
        out, (h, c) = self.lstm(x, (h, c))
        self.bank_h[:, seats] = h.detach()
        self.bank_c[:, seats] = c.detach()
        return out

    # -- actions --------------------------------------------------------------------------------
    def _convert_action_to_logit_index(self, pairs: torch.Tensor) -> torch.Tensor:
        kinds, args = pairs.reshape(-1, 2).long().unbind(-1)
        return kinds + self.cum_action_max_params[kinds] + args

    def _convert_logit_index_to_action(self, index: torch.Tensor) -> torch.Tensor:
        return self.action_index_tensor[index]

    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        if td.batch_dims == 2:
            rows, steps = td.batch_size
            flat = td.reshape(rows * steps)
        else:
            rows, steps = td.batch_size[0], 1
            flat = td
        tokens = flat["env_obs"]
        n = rows * steps
        flat["bptt"] = torch.full((n,), steps, dtype=torch.int64, device=tokens.device)
        flat["batch"] = torch.full((n,), rows, dtype=torch.int64, device=tokens.device)

        x = self.encode(tokens).view(rows, steps, -1)
        if action is None:
            core = self._advance(flat, x)
        else:
            core, _ = self.lstm(x)
        core = core.reshape(n, -1)

        log_probs = F.log_softmax(self.scores(core), dim=-1)
        value = self.critic(core).squeeze(-1)
        flat["full_log_probs"] = log_probs
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1)
            flat["actions"] = self._convert_logit_index_to_action(index.squeeze(-1)).to(torch.int32)
            flat["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
            flat["values"] = value
            return flat
        index = self._convert_action_to_logit_index(action).unsqueeze(-1)
        flat["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
        flat["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        flat["value"] = value
        return flat.reshape(rows, steps)

    # -- weights --------------------------------------------------------------------------------
    def clip_weights(self) -> None:
        if self.clip_range > 0:
            for layer in self.modules():
                if isinstance(layer, BoundedLinear):
                    layer.clip_(self.clip_range)

    def l2_init_loss(self) -> torch.Tensor:
        parts = [layer.distance() for layer in self.modules() if isinstance(layer, BoundedLinear)]
        return torch.stack(parts).sum()
