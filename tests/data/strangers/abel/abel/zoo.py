"""Agents that fill in the frame of policy.py."""
import torch
from tensordict import TensorDict
from torch import Tensor, nn

from .cells import MinimalGated, Peepholed, steady
from .policy import RowPolicy
from .stem import GridStem


class Gru(RowPolicy):
    def build_core(self, width: int) -> nn.Module:
        return steady(nn.GRUCell(width, width))

    def advance(self, x: Tensor, carry: Tensor) -> tuple[Tensor, Tensor]:
        h = self.core(x, carry[0])
        return h, h[None]


class Minimal(RowPolicy):
    """The cheapest gate, over the box instead of the token sum."""

    def __init__(self, env, hidden_size: int = 96, **options) -> None:
        super().__init__(env, hidden_size, **options)
        self.stem = GridStem(env, hidden_size)

    def build_core(self, width: int) -> nn.Module:
        return steady(MinimalGated(width))

    def advance(self, x: Tensor, carry: Tensor) -> tuple[Tensor, Tensor]:
        h = self.core(x, carry.squeeze(0))
        return h, h.unsqueeze(0)

    @torch.no_grad()
    def clip_weights(self) -> None:
        limit = self.clip_range
        if limit > 0:
            for head in (self.actor, self.critic, self.stem.out):
                head.weight.copy_(head.weight.clamp(-limit, limit))


class Peephole(RowPolicy):
    parts = 2

    def build_core(self, width: int) -> nn.Module:
        return steady(Peepholed(width))

    def advance(self, x: Tensor, carry: Tensor) -> tuple[Tensor, Tensor]:
        h, c = self.core(x, *carry)
        return h, torch.stack((h, c))


class TwoStory(RowPolicy):
    """Two GRU cells on top of each other; the table holds a line for each."""

    parts = 2

    def __init__(self, env, hidden_size: int = 128, num_layers: int = 2, **options) -> None:
        super().__init__(env, hidden_size, **options)

    def build_core(self, width: int) -> nn.Module:
        return nn.ModuleList([steady(nn.GRUCell(width, width)), steady(nn.GRUCell(width, width))])

    def advance(self, x: Tensor, carry: Tensor) -> tuple[Tensor, Tensor]:
        low = self.core[0](x, carry[0])
        high = self.core[1](low, carry[1])
        return high, torch.stack((low, high))

    def _finished(self, td: TensorDict) -> Tensor:
        over = td.get("dones", None)
        if over is None:
            return torch.zeros(td.batch_size, dtype=torch.bool, device=td["env_obs"].device)
        return over.bool().reshape(td.batch_size)


class Curbed(Gru):
    """Heads on a leash: only they are clipped, and they are drawn back to where they began."""

    def clip_weights(self) -> None:
        if self.clip_range <= 0:
            return
        for head in (self.actor, self.critic):
            head.weight.clamp_(-self.clip_range, self.clip_range)

    def l2_init_loss(self) -> Tensor:
        drift = self.actor.weight.data - self.anchor
        return 0.5 * drift.pow(2).sum()


class Echo(Minimal):
    """Shares the choice of an action between both modes."""

    def _choose(self, log_probs: Tensor) -> tuple[Tensor, Tensor]:
        index = torch.multinomial(log_probs.exp(), 1)
        return index.squeeze(-1), log_probs.gather(-1, index).squeeze(-1)

    def _evaluate(self, td: TensorDict, action: Tensor) -> TensorDict:
        rows, steps = td.batch_size
        ended = self._finished(td)
        td = td.reshape(rows * steps)
        self._stamp(td, steps, rows)
        out = self._unroll(self.stem(td["env_obs"]).view(rows, steps, -1), ended)
        log_probs = torch.log_softmax(self.actor(out), dim=-1)
        _, chosen = self._choose(log_probs)
        td["act_log_prob"] = chosen
        td["value"] = self.critic(out)
        td["full_log_probs"] = log_probs
        return td.reshape(rows, steps)


class Sprinter(RowPolicy):
    """Small and quick, for sweeps on a laptop."""

    parts = 2

    def __init__(self, env, hidden_size: int = 48, max_envs: int = 128) -> None:
        super().__init__(env, hidden_size, max_envs)

    def build_core(self, width: int) -> nn.Module:
        core = nn.LSTMCell(width, width)
        for name, parameter in core.named_parameters():
            if name.startswith("bias"):
                nn.init.zeros_(parameter)
            else:
                nn.init.xavier_uniform_(parameter)
        return core

    def advance(self, x: Tensor, carry: Tensor) -> tuple[Tensor, Tensor]:
        h, c = self.core(x, (carry[0], carry[1]))
        return h, torch.stack((h, c))
