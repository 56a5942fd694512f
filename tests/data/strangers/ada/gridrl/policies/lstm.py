from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from ..config import PolicyConfig
from ..encoders import BoxEncoder
from ..heads import BilinearHead

State = tuple[Tensor, Tensor]


class GridLSTM(nn.Module):
    """The LSTM sibling. Steps through a sequence one by one, so that an episode may end inside it."""

    def __init__(
        self,
        env,
        hidden: int = 128,
        layers: int = 2,
        channels: int = 32,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
    ) -> None:
        super().__init__()
        self.config = PolicyConfig(
            hidden=hidden,
            layers=layers,
            channels=channels,
            clip_range=clip_range,
            analyze_weights_interval=analyze_weights_interval,
        )
        self.encoder = BoxEncoder(env, channels, hidden)
        self.core = self._make_core()
        self.trunk = nn.Sequential(nn.Linear(hidden, 256), nn.Tanh())
        self.critic = nn.Linear(256, 1)
        self.actor = BilinearHead(256, sum(most + 1 for most in env.max_action_args))
        self._initial = {name: p.detach().clone() for name, p in self.trunk.named_parameters()}
        self._states: dict[int, State] = {}

    def _make_core(self) -> nn.LSTM:
        core = nn.LSTM(self.config.hidden, self.config.hidden, self.config.layers)
        with torch.no_grad():
            for layer in core.all_weights:
                for weight in layer:
                    nn.init.orthogonal_(weight, gain=1.0) if weight.dim() > 1 else weight.fill_(1.0)
        return core

    @property
    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> dict[int, State]:
        return dict(self._states)

    def set_memory(self, memory: dict[int, State]) -> None:
        self._states = dict(memory)

    def reset_memory(self) -> None:
        self._states.clear()

    def reset_env_memory(self, env_id: int) -> None:
        self._states.pop(env_id, None)

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state["_states"] = {}
        return state

    def _blank(self, batch: int, like: Tensor) -> State:
        shape = (self.config.layers, batch, self.config.hidden)
        return like.new_zeros(shape), like.new_zeros(shape)

    @staticmethod
    def _boundaries(td: TensorDict, batch: int, steps: int) -> Tensor:
        """[B, T] bool: rows that start another episode."""
        ended = torch.zeros(batch, steps, dtype=torch.bool, device=td["env_obs"].device)
        for flag in ("dones", "truncateds"):
            if flag in td.keys():
                ended = ended | td[flag].view(batch, steps).bool()
        return ended

    @torch._dynamo.disable
    def forward(self, td: TensorDict, state: Any = None, action: Tensor | None = None) -> TensorDict:
        *_, steps = (1, *td.batch_size[1:])
        batch = td.batch_size[0]
        td = td.flatten() if td.batch_dims > 1 else td
        rows = batch * steps
        device = td["env_obs"].device
        td.update(
            {
                "bptt": torch.full((rows,), steps, dtype=torch.int64, device=device),
                "batch": torch.full((rows,), batch, dtype=torch.int64, device=device),
            }
        )
        hidden = self.encoder(td["env_obs"]).view(batch, steps, -1)
        ended = self._boundaries(td, batch, steps)
        group = int(td["training_env_id_start"][0]) if "training_env_id_start" in td.keys() else 0
        h, c = self._states.get(group) or self._blank(batch, hidden)
        outs = []
        for t in range(steps):
            keep = (~ended[:, t]).to(h.dtype).view(1, -1, 1)
            out, (h, c) = self.core(hidden[:, t].unsqueeze(0), (h * keep, c * keep))
            outs.append(out[0])
        self._states[group] = (h.detach(), c.detach())
        features = self.trunk(torch.stack(outs, dim=1).flatten(0, 1))
        log_probs = torch.log_softmax(self.actor(features), dim=-1)
        value = self.critic(features)
        if action is None:
            return self._act(td, log_probs, value)
        return self._evaluate(td, action, log_probs, value).reshape(batch, steps)

    def _act(self, td: TensorDict, log_probs: Tensor, value: Tensor) -> TensorDict:
        chosen = torch.distributions.Categorical(logits=log_probs).sample()
        td["actions"] = self.action_index_tensor[chosen].int()
        td["act_log_prob"] = log_probs.gather(1, chosen[:, None])[:, 0]
        td["values"] = value.flatten()
        td["full_log_probs"] = log_probs
        return td

    def _evaluate(self, td: TensorDict, action: Tensor, log_probs: Tensor, value: Tensor) -> TensorDict:
        action = action.reshape(-1, 2).long()
        index = action[:, 0] + self.cum_action_max_params[action[:, 0]] + action[:, 1]
        td["act_log_prob"] = log_probs.gather(1, index[:, None])[:, 0]
        td["entropy"] = torch.distributions.Categorical(logits=log_probs).entropy()
        td["value"] = value
        td["full_log_probs"] = log_probs
        return td

    def clip_weights(self) -> None:
        bound = self.config.clip_range
        if not bound:
            return
        with torch.no_grad():
            for module in (*self.trunk, self.critic, self.encoder.project):
                if hasattr(module, "weight"):
                    module.weight.clamp_(min=-bound, max=bound)

    def l2_init_loss(self) -> Tensor:
        total = self.critic.weight.new_zeros(())
        for name, parameter in self.trunk.named_parameters():
            total = total + (parameter - self._initial[name].to(parameter.device)).square().sum()
        return total
