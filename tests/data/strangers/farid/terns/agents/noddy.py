"""A first try with the minGRU, kept because old runs need it."""

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import Tensor, nn

from terns.cells import MinGRU
from terns.parts.eyes import TokenEyes
from terns.parts.store import episode_ends


class Noddy(nn.Module):
    def __init__(self, env, width: int = 96) -> None:
        super().__init__()
        self.width = width
        self.eyes = TokenEyes(width)
        self.temperature = torch.linspace(0.5, 1.5, width)
        self.cell = MinGRU(width, width)
        self.action_table = nn.Embedding(100, 16)
        nn.init.orthogonal_(self.action_table.weight)
        self.action_table.weight.data.mul_(0.1 / self.action_table.weight.data.abs().max())
        self.actor = nn.Linear(width + 16, 100)
        self.value = nn.Linear(width, 1)

    @property
    def device(self) -> torch.device:
        return self.actor.weight.device

    def forward(self, td: TensorDict, state=None, action: Tensor | None = None) -> TensorDict:
        if action is None:
            return self._rollout(td)
        rows, steps = td.batch_size
        flat = td.reshape(rows * steps)
        self._stamp(flat, steps, rows)
        core = self._core(td, flat["env_obs"], rows, steps)
        log_probs = self._log_probs(core)
        kind, argument = action.long().reshape(-1, 2).T
        index = self.cum_action_max_params[kind] + kind + argument
        flat["act_log_prob"] = log_probs[torch.arange(rows * steps, device=self.device), index]
        flat["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        flat["value"] = self.value(core)
        flat["full_log_probs"] = log_probs
        return flat.reshape(rows, steps)

    def _rollout(self, td: TensorDict) -> TensorDict:
        rows = td.batch_size[0]
        self._stamp(td, 1, rows)
        core = self._core(td, td["env_obs"], rows, 1)
        log_probs = self._log_probs(core)
        index = log_probs.exp().multinomial(1)
        td["actions"] = self.action_index_tensor[index[:, 0]].int()
        td["act_log_prob"] = log_probs.gather(1, index)[:, 0]
        td["values"] = self.value(core)[:, 0]
        td["full_log_probs"] = log_probs
        return td

    def _core(self, td: TensorDict, tokens: Tensor, rows: int, steps: int) -> Tensor:
        inputs = (self.eyes(tokens) * self.temperature).view(rows, steps, self.width)
        ends = episode_ends(td, rows, steps)
        h = torch.zeros(rows, self.width, device=self.device)
        outputs = []
        for t in range(steps):
            if ends[:, t].any():
                h = h.masked_fill(ends[:, t, None], 0.0)
            h = self.cell(inputs[:, t], h)
            outputs.append(h)
        return torch.stack(outputs, 1).view(rows * steps, self.width)

    def _log_probs(self, core: Tensor) -> Tensor:
        what = self.action_table.weight.mean(0, keepdim=True).expand(core.shape[0], -1)
        logits = self.actor(torch.cat([core, what], dim=1))
        return F.log_softmax(logits[:, : self.action_index_tensor.shape[0]], dim=1)

    @staticmethod
    def _stamp(td: TensorDict, steps: int, rows: int) -> None:
        for name, number in {"bptt": steps, "batch": rows}.items():
            td.set(name, torch.full((rows * steps,), number, dtype=torch.long, device=td["env_obs"].device))

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> dict:
        return {}

    def set_memory(self, memory: dict) -> None:
        return None

    def reset_memory(self) -> None:
        return None
