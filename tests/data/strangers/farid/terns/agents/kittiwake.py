"""One logit for each choice of each dimension, and a single hidden state."""

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import Tensor, nn

from terns.agents.base import Tern
from terns.parts.heads import critic


class Kittiwake(Tern):
    def __init__(
        self, env, *, width: int = 128, clip_range: float = 0.0, analyze_weights_interval: int = 300
    ) -> None:
        super().__init__(env, clip_range=clip_range)
        self.width = width
        self.look = nn.Linear(3, width)
        self.cell = nn.GRUCell(width, width)
        for name, weight in self.cell.named_parameters():
            nn.init.constant_(weight, 1.0) if name.startswith("bias") else nn.init.orthogonal_(weight, 1.0)
        self.heads = nn.ModuleList(nn.Linear(width, int(choices)) for choices in env.single_action_space.nvec)
        self.critic = critic(width)
        self._h: Tensor | None = None

    @property
    def hidden(self) -> Tensor | None:
        return self._h

    @hidden.setter
    def hidden(self, value: Tensor | None) -> None:
        self._h = value

    def forward(self, td: TensorDict, state=None, action: Tensor | None = None) -> TensorDict:
        rows, steps = td.batch_size[0], 1 if action is None else td.batch_size[1]
        flat = td if action is None else td.reshape(rows * steps)
        self.stamp(flat, steps, rows)
        seen = self._see(flat["env_obs"]).view(rows, steps, -1)
        core = self._cores(td, seen, rows, steps).flatten(0, 1)
        log_probs = F.log_softmax(torch.cat([head(core) for head in self.heads], dim=-1), dim=-1)
        value = self.critic(core)
        flat["full_log_probs"] = log_probs
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1)
            flat["actions"] = self.action_index_tensor[index.flatten()].int()
            flat["act_log_prob"] = log_probs.gather(1, index).flatten()
            flat["values"] = value.flatten()
            return flat
        index = self.joint(action).view(-1, 1)
        flat["act_log_prob"] = log_probs.gather(1, index).flatten()
        flat["entropy"] = -(log_probs * log_probs.exp()).sum(-1)
        flat["value"] = value
        return flat.reshape(rows, steps)

    def _see(self, tokens: Tensor) -> Tensor:
        padding = (tokens[..., :1] == 255).float()
        values = tokens.float()
        if values.max() > 1.0:
            values = values / 255.0
        return (torch.relu(self.look(values)) * (1.0 - padding)).mean(dim=1)

    def _cores(self, td: TensorDict, seen: Tensor, rows: int, steps: int) -> Tensor:
        h = self.hidden
        if h is None:
            h = seen.new_zeros(rows, self.width)
        keep = torch.ones(rows, steps, device=seen.device)
        if "dones" in td.keys() and "truncateds" in td.keys():
            keep = keep - torch.maximum(td["dones"], td["truncateds"]).view(rows, steps)
        outputs = []
        for t in range(steps):
            h = self.cell(seen[:, t], h * keep[:, t : t + 1])
            outputs.append(h)
        self.hidden = h
        return torch.stack(outputs, dim=1)

    def get_memory(self) -> Tensor | None:
        return self._h

    def set_memory(self, memory: Tensor | None) -> None:
        self._h = memory

    def reset_memory(self) -> None:
        self._h = None

    def __getstate__(self) -> dict:
        return {key: None if key == "_h" else value for key, value in self.__dict__.items()}
