"""A small wader of its own kind: a GRU, no shared forward."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import Tensor, nn

from .heads import Critic, small_orthogonal
from .memory import RowBank
from .shapes import EnvShape, ended


class DunlinEyes(nn.Module):
    def __init__(self, shape: EnvShape, out: int) -> None:
        super().__init__()
        self.shape = shape
        self.near = nn.Conv2d(shape.channels, 64, 5, stride=3)
        self.far = nn.Conv2d(64, 64, 3)
        self.out = nn.LazyLinear(out)
        self.register_buffer("scale", torch.tensor(shape.scales).view(1, -1, 1, 1))

    def forward(self, tokens: Tensor) -> Tensor:
        seen = self.far(self.near(self.draw(tokens) / self.scale))
        return F.relu(self.out(F.relu(seen).flatten(1)))

    def draw(self, tokens: Tensor) -> Tensor:
        s = self.shape
        place, kind, value = tokens[..., 0].long(), tokens[..., 1].long(), tokens[..., 2].float()
        x, y = place >> 4, place & 0x0F
        good = (place != 255) & (x < s.width) & (y < s.height) & (kind < s.channels)
        flat = torch.where(good, (kind * s.width + x) * s.height + y, s.channels * s.width * s.height)
        box = value.new_zeros(tokens.shape[0], s.channels * s.width * s.height + 1)  # one place more for the rest
        box.scatter_(1, flat, value)
        return box[:, :-1].view(-1, s.channels, s.width, s.height)


class Dunlin(nn.Module):
    def __init__(self, env, hidden_size: int = 128, clip_range: float = 0.0, analyze_weights_interval: int = 300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.eyes = DunlinEyes(EnvShape.of(env), hidden_size)
        self.gru = nn.GRU(hidden_size, hidden_size, num_layers=2)
        for name, weight in self.gru.named_parameters():
            nn.init.ones_(weight) if name.startswith("bias") else nn.init.orthogonal_(weight)
        self.query = nn.Linear(hidden_size, 16)
        self.table = small_orthogonal(100, 16)
        self.critic = Critic(hidden_size)
        self.bank = RowBank(2, hidden_size)

    def forward(self, td: TensorDict, state=None, action: Tensor | None = None) -> TensorDict:
        steps = 1 if action is None else td.batch_size[1]
        rows = td.batch_size[0]
        td["bptt"] = torch.full((rows * steps,), steps, dtype=torch.long)
        td["batch"] = torch.full((rows * steps,), rows, dtype=torch.long)
        flat = td if action is None else td.reshape(rows * steps)
        over = ended(flat, (rows, steps))
        seen = self.eyes(flat["env_obs"]).view(rows, steps, -1)
        memory = self.bank.read(flat, rows) if action is None else torch.zeros(rows, 2, self.gru.hidden_size)
        outputs = []
        for t in range(steps):
            memory = memory * (~over[:, t]).view(-1, 1, 1)
            out, after = self.gru(seen[None, :, t], memory.transpose(0, 1).contiguous())
            memory = after.transpose(0, 1)
            outputs.append(out[0])
        core = torch.stack(outputs, 1).flatten(0, 1)
        scores = torch.tanh(self.query(core)) @ self.table.weight[: len(self.action_index_tensor)].T
        log_probs = scores.log_softmax(-1)
        flat["full_log_probs"] = log_probs
        if action is None:
            self.bank.write(flat, rows, memory)
            index = torch.multinomial(log_probs.exp(), 1)
            flat["actions"] = self.action_index_tensor[index[:, 0]].int()
            flat["act_log_prob"] = log_probs.gather(1, index)[:, 0]
            flat["value"] = self.critic(core)[:, 0]
            return flat
        kind, argument = action.reshape(-1, 2).long().unbind(-1)
        index = kind + self.cum_action_max_params[kind] + argument
        flat["act_log_prob"] = log_probs.gather(1, index[:, None])[:, 0]
        flat["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        flat["value"] = self.critic(core)
        return flat.reshape(rows, steps)

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> Tensor:
        return self.bank.snapshot()

    def set_memory(self, memory: Tensor) -> None:
        self.bank.restore(memory)

    def reset_memory(self) -> None:
        self.bank.clear()

    @torch.no_grad()
    def clip_weights(self) -> None:
        if self.clip_range > 0:
            for layer in (self.eyes.near, self.eyes.far, self.query):
                layer.weight.clamp_(min=-self.clip_range, max=self.clip_range)
