"""The frame that the agents of zoo.py fill in: a core, and one step of it."""
import abc

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from .rows import RowTable
from .stem import TokenStem


class RowPolicy(nn.Module, abc.ABC):
    parts = 1  # tensors that make up the state of one environment

    cum_action_max_params: Tensor
    action_index_tensor: Tensor

    def __init__(
        self,
        env,
        hidden_size: int = 128,
        max_envs: int = 1024,
        *,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
    ) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.stem = TokenStem(hidden_size)
        self.core = self.build_core(hidden_size)
        self.actor = nn.Linear(hidden_size, sum(most + 1 for most in env.max_action_args))
        self.critic = nn.Linear(hidden_size, 1)
        self.table = RowTable(max_envs, hidden_size, self.parts)
        self.register_buffer("anchor", self.actor.weight.detach().clone(), persistent=False)

    @abc.abstractmethod
    def build_core(self, width: int) -> nn.Module: ...

    @abc.abstractmethod
    def advance(self, x: Tensor, carry: Tensor) -> tuple[Tensor, Tensor]:
        """One step: features [N, W] and carry [parts, N, W] give output and new carry."""

    # -- memory ---------------------------------------------------------------

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> Tensor:
        return self.table.snapshot()

    def set_memory(self, memory: Tensor) -> None:
        self.table.restore(memory)

    def reset_memory(self) -> None:
        self.table.wipe()

    # -- weights --------------------------------------------------------------

    @torch.no_grad()
    def clip_weights(self) -> None:
        if self.clip_range > 0:
            for head in (self.actor, self.critic, self.stem.merge):
                head.weight.clamp_(-self.clip_range, self.clip_range)

    def l2_init_loss(self) -> Tensor:
        return (self.actor.weight - self.anchor).square().sum()

    # -- actions --------------------------------------------------------------

    def _convert_action_to_logit_index(self, action: Tensor) -> Tensor:
        kind, argument = action.long().unbind(dim=-1)
        return kind + self.cum_action_max_params[kind] + argument

    def _convert_logit_index_to_action(self, index: Tensor) -> Tensor:
        return self.action_index_tensor[index]

    # -- forward --------------------------------------------------------------

    def forward(self, td: TensorDict, state=None, action: Tensor | None = None) -> TensorDict:
        return self._act(td) if action is None else self._evaluate(td, action)

    @staticmethod
    def _stamp(td: TensorDict, steps: int, rows: int) -> None:
        device = td["env_obs"].device
        for key, number in (("bptt", steps), ("batch", rows)):
            td[key] = torch.full((steps * rows,), number, dtype=torch.int64, device=device)

    def _finished(self, td: TensorDict) -> Tensor:
        ended = torch.zeros(td.batch_size, dtype=torch.bool, device=td["env_obs"].device)
        for flag in ("dones", "truncateds"):
            if flag in td.keys():
                ended = ended | td[flag].bool().reshape(td.batch_size)
        return ended

    def _act(self, td: TensorDict) -> TensorDict:
        self._stamp(td, 1, td.batch_size[0])
        where = self.table.lines_of(td)
        carry = self.table.read(where).masked_fill(self._finished(td).view(1, -1, 1), 0.0)
        out, carry = self.advance(self.stem(td["env_obs"]), carry)
        self.table.write(where, carry)
        log_probs = torch.log_softmax(self.actor(out), dim=-1)
        index = torch.multinomial(log_probs.exp(), 1)
        td["actions"] = self._convert_logit_index_to_action(index.squeeze(-1)).to(torch.int32)
        td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
        td["values"] = self.critic(out).squeeze(-1)
        td["full_log_probs"] = log_probs
        return td

    def _unroll(self, x: Tensor, ended: Tensor) -> Tensor:
        """Features [B, T, W] and episode ends [B, T] give outputs [B * T, W]."""
        carry, outs = x.new_zeros(self.parts, x.shape[0], self.hidden_size), []
        for t in range(x.shape[1]):
            out, carry = self.advance(x[:, t], carry.masked_fill(ended[:, t].view(1, -1, 1), 0.0))
            outs.append(out)
        return torch.stack(outs, dim=1).flatten(0, 1)

    def _evaluate(self, td: TensorDict, action: Tensor) -> TensorDict:
        rows, steps = td.batch_size
        ended = self._finished(td)
        td = td.reshape(rows * steps)
        self._stamp(td, steps, rows)
        out = self._unroll(self.stem(td["env_obs"]).view(rows, steps, -1), ended)
        log_probs = torch.log_softmax(self.actor(out), dim=-1)
        index = self._convert_action_to_logit_index(action.reshape(-1, 2)).unsqueeze(-1)
        td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
        td["entropy"] = -(log_probs.exp() * log_probs).sum(dim=-1)
        td["value"] = self.critic(out)
        td["full_log_probs"] = log_probs
        return td.reshape(rows, steps)
