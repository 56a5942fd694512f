from __future__ import annotations

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import Tensor, nn

from .config import AgentConfig
from .heads import BilinearActor, orthogonal_core
from .state import EnvironmentStates


class RecurrentAgent(nn.Module):
    """Encoder, LSTM, two heads. Subclasses say what the encoder is."""

    action_index_tensor: Tensor
    cum_action_max_params: Tensor

    def __init__(
        self, env, cfg: AgentConfig, clip_range: float = 0.0, analyze_weights_interval: int = 300
    ) -> None:
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        width, layers = cfg.core.hidden_size, cfg.core.num_layers
        self.encoder = self.make_encoder(env, width)
        self.core = orthogonal_core(nn.LSTM(width, width, num_layers=layers))
        self.actor = BilinearActor(width, cfg.embedding_width)
        self.critic = nn.Sequential(nn.Linear(width, 1024), nn.Tanh(), nn.Linear(1024, 1))
        self.states = EnvironmentStates(layers, width, cfg.max_environments)
        self.initial = {name: p.detach().clone() for name, p in self.named_parameters() if p.ndim > 1}

    def make_encoder(self, env, width: int) -> nn.Module:
        raise NotImplementedError

    # -- memory ---------------------------------------------------------------------------
    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> tuple[Tensor, Tensor]:
        return self.states.h.clone(), self.states.c.clone()

    def set_memory(self, memory: tuple[Tensor, Tensor]) -> None:
        self.states.h.copy_(memory[0])
        self.states.c.copy_(memory[1])

    def reset_memory(self) -> None:
        self.states.clear()

    # -- weights --------------------------------------------------------------------------
    @torch.no_grad()
    def clip_weights(self) -> None:
        if self.clip_range <= 0:
            return
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                module.weight.clamp_(-self.clip_range, self.clip_range)

    def l2_init_loss(self) -> Tensor:
        return sum(
            (p - self.initial[name].to(p.device)).square().sum()
            for name, p in self.named_parameters()
            if name in self.initial
        )

    # -- forward --------------------------------------------------------------------------
    def joint_index(self, action: Tensor) -> Tensor:
        kind, argument = action.long().unbind(-1)
        return kind + self.cum_action_max_params[kind] + argument

    def forward(self, td: TensorDict, state=None, action: Tensor | None = None) -> TensorDict:
        rows = td.batch_size[0]
        steps = td.batch_size[1] if len(td.batch_size) == 2 else 1
        if len(td.batch_size) == 2:
            td = td.reshape(rows * steps)
        tokens = td["env_obs"]
        td["bptt"] = torch.full((rows * steps,), steps, dtype=torch.int64, device=tokens.device)
        td["batch"] = torch.full((rows * steps,), rows, dtype=torch.int64, device=tokens.device)

        hidden = self.encoder(tokens).view(rows, steps, -1).transpose(0, 1)
        if action is None:
            hidden, final = self.core(hidden, self.states.load(td, rows))
            self.states.save(td, rows, final)
        else:
            hidden, _ = self.core(hidden)
        hidden = hidden.transpose(0, 1).reshape(rows * steps, -1)

        log_probs = F.log_softmax(self.actor(hidden, self.action_index_tensor.shape[0]), dim=-1)
        value = self.critic(hidden)
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1)
            td["actions"] = self.action_index_tensor[index.squeeze(-1)].to(torch.int32)
            td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
            td["values"] = value.flatten()
            td["full_log_probs"] = log_probs
            return td
        index = self.joint_index(action.reshape(rows * steps, -1))
        td["act_log_prob"] = log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        td["value"] = value
        td["full_log_probs"] = log_probs
        return td.reshape(rows, steps)
