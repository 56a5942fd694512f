"""What all our agents do with their logits."""

import torch
import torch.nn.functional as F
from torch import nn


def orthogonal(layer: nn.Module, gain: float = 1.0) -> nn.Module:
    nn.init.orthogonal_(layer.weight, gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def orthogonal_core(core: nn.RNNBase) -> nn.RNNBase:
    for name, parameter in core.named_parameters():
        if name.startswith("weight"):
            nn.init.orthogonal_(parameter)
        else:
            nn.init.ones_(parameter)
    return core


class BilinearHead(nn.Module):
    """Scores each active action by its embedding."""

    def __init__(self, width: int, rows: int = 100, dim: int = 16):
        super().__init__()
        self.hidden = orthogonal(nn.Linear(width, 512))
        self.query = orthogonal(nn.Linear(512, dim))
        self.action_embeddings = nn.Embedding(rows, dim)
        nn.init.orthogonal_(self.action_embeddings.weight)
        with torch.no_grad():
            largest = self.action_embeddings.weight.abs().max()
            self.action_embeddings.weight.mul_(0.1 / largest)
        self.bias = nn.Parameter(torch.zeros(1))
        self.active = rows

    def activate_action_embeddings(self, names: list[str], device) -> None:
        self.active = len(names)

    def forward(self, features):
        query = torch.tanh(self.query(F.relu(self.hidden(features))))
        return query @ self.action_embeddings.weight[: self.active].T + self.bias


class JointActions:
    """Needs `action_index_tensor` and `cum_action_max_params`, which the trainer's agent sets."""

    action_index_tensor = None
    cum_action_max_params = None

    def joint_index(self, action: torch.Tensor) -> torch.Tensor:
        kind, argument = action.long().unbind(-1)
        # cum_action_max_params holds largest arguments, not counts: each earlier type has one action more
        return self.cum_action_max_params[kind] + kind + argument

    def sample(self, td, logits, value):
        log_probs = F.log_softmax(logits, dim=-1)
        index = torch.multinomial(log_probs.exp(), 1)
        td["actions"] = self.action_index_tensor[index.squeeze(1)].to(torch.int32)
        td["act_log_prob"] = log_probs.gather(1, index).squeeze(1)
        td["values"] = value.flatten()
        td["full_log_probs"] = log_probs
        return td

    def evaluate(self, td, logits, value, action):
        log_probs = F.log_softmax(logits, dim=-1)
        index = self.joint_index(action.reshape(-1, 2)).unsqueeze(1)
        td["act_log_prob"] = log_probs.gather(1, index).squeeze(1)
        td["entropy"] = -(log_probs.exp() * log_probs).sum(dim=-1)
        td["value"] = value
        td["full_log_probs"] = log_probs
        return td


class Regularised:
    """Weight clipping and the pull to the initial weights."""

    clip_range: float

    def _layers(self):
        return [m for m in self.modules() if isinstance(m, (nn.Linear, nn.Conv2d))]

    @torch.no_grad()
    def clip_weights(self) -> None:
        if self.clip_range <= 0:
            return
        for layer in self._layers():
            layer.weight.clamp_(-self.clip_range, self.clip_range)

    def remember_weights(self) -> None:
        for number, layer in enumerate(self._layers()):
            self.register_buffer(f"initial_{number}", layer.weight.detach().clone(), persistent=False)

    def l2_init_loss(self) -> torch.Tensor:
        return sum(
            ((layer.weight - getattr(self, f"initial_{number}")) ** 2).sum()
            for number, layer in enumerate(self._layers())
        )
