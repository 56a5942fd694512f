"""The policies over `Banked`."""
import torch
from torch import nn

from jelle.base import Banked, orthogonal_core_
from jelle.registry import policy


@policy("kestrel")
class Kestrel(Banked):
    def __init__(self, env, hidden_size=128, num_layers=2, **kwargs):
        super().__init__(env, 1, num_layers, hidden_size=hidden_size, **kwargs)
        self.gru = orthogonal_core_(nn.GRU(hidden_size, hidden_size, num_layers))

    def unroll(self, x, parts):
        out, hidden = self.gru(x, None if parts is None else parts[0].contiguous())
        return out, [hidden]


@policy("merlin")
class Merlin(Banked):
    def __init__(
        self, env, hidden_size=128, num_layers=2, max_envs=1024, clip_range=0.0, analyze_weights_interval=300
    ):
        super().__init__(
            env,
            parts=2,
            layers=1,
            hidden_size=hidden_size,
            max_envs=max_envs,
            analyze_weights_interval=analyze_weights_interval,
        )
        self.lstm = orthogonal_core_(nn.LSTM(hidden_size, hidden_size, num_layers=1))

    def unroll(self, x, parts):
        start = None if parts is None else tuple(part.contiguous() for part in parts)
        out, (h, c) = self.lstm(x, start)
        return out, [h, c]


class SteadyLSTM(nn.LSTM):
    """Starts with every gate open and every matrix a rotation."""

    def reset_parameters(self):
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.orthogonal_(parameter)
            else:
                nn.init.constant_(parameter, 1.0)


@policy("gyr")
class Gyr(Banked):
    def __init__(self, env, hidden_size=128, **kwargs):
        kwargs.setdefault("max_envs", 4096)
        super().__init__(env, 2, 2, hidden_size, **kwargs)
        self.core = SteadyLSTM(hidden_size, hidden_size, num_layers=2)
        self.start = {name: weight.detach().clone() for name, weight in self._heads()}

    def _heads(self):
        yield "actor", self.actor.weight
        yield "critic", self.critic.weight

    def l2_init_loss(self):
        loss = 0.0
        for name, weight in self._heads():
            loss = loss + (weight - self.start[name].to(weight.device)).square().sum()
        return loss

    def unroll(self, x, parts):
        if parts is not None:
            parts = (parts[0].contiguous(), parts[1].contiguous())
        out, new = self.core(x, parts)
        return out, new


@policy("hobby")
class Hobby(Banked):
    """A quick core of one layer and a slow one that listens to it, side by side in one bank."""

    def __init__(self, env, hidden_size=128, **kwargs):
        super().__init__(env, 3, 1, hidden_size, **kwargs)
        self.quick = orthogonal_core_(nn.GRU(hidden_size, hidden_size))
        self.slow = nn.LSTM(hidden_size, hidden_size)
        self.register_buffer("actor_start", self.actor.weight.detach().clone(), persistent=False)

    def l2_init_loss(self):
        drift = self.actor.weight.detach() - self.actor_start
        return drift.pow(2).sum()

    def unroll(self, x, parts):
        if parts is None:
            quick, slow = None, None
        else:
            quick, h, c = (part.contiguous() for part in parts)
            slow = (h, c)
        near, quick = self.quick(x, quick)
        far, (h, c) = self.slow(near, slow)
        return near + far, [quick, h, c]


@policy("harrier")
class Harrier(Banked):
    """Cells; the second gets what the first forgot."""

    def __init__(self, env, hidden_size=128, **kwargs):
        super().__init__(env, 2, 1, hidden_size, **kwargs)
        self.lower = orthogonal_core_(nn.GRUCell(hidden_size, hidden_size))
        self.upper = orthogonal_core_(nn.GRUCell(2 * hidden_size, hidden_size))

    def unroll(self, x, parts):
        if parts is None:
            low = high = torch.zeros_like(x[0])
        else:
            low, high = parts[:, 0]
        outs = []
        for now in x:
            before, low = low, self.lower(now, low)
            high = self.upper(torch.cat([low, before], dim=-1), high)
            outs.append(high)
        return torch.stack(outs), [low.unsqueeze(0), high.unsqueeze(0)]
