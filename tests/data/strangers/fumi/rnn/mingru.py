import torch
import torch.nn as nn

from . import common

__all__ = ["MinGru", "MinGruFirst"]


class MinGruCell(nn.Module):
    """h = (1 - z) h + z n, where z and n depend on the input alone"""

    def __init__(self, width):
        super().__init__()
        self.gate = nn.Linear(width, width)
        self.candidate = nn.Linear(width, width)
        for layer in (self.gate, self.candidate):
            nn.init.orthogonal_(layer.weight)
            nn.init.ones_(layer.bias)

    def parts(self, x):
        return torch.sigmoid(self.gate(x)), torch.tanh(self.candidate(x))

    def forward(self, x, h):
        z, n = self.parts(x)
        return (1 - z) * h + z * n

    def sequence(self, x):
        """[B, T, H], from a state of zero"""
        z, n = self.parts(x)
        h, hs = torch.zeros_like(x[:, 0]), []
        for t in range(x.shape[1]):
            h = (1 - z[:, t]) * h + z[:, t] * n[:, t]
            hs.append(h)
        return torch.stack(hs, 1)


class MinGru(nn.Module):
    MAX_ENVS = 8192

    def __init__(self, env, width=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.width = width
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.encoder = common.TokenMix(env, width)
        self.cell = MinGruCell(width)
        self.pi = nn.Linear(width, env.single_action_space.n)
        self.v = nn.Linear(width, 1)
        self.h = None

    @property
    def has_memory(self):
        return True

    def get_memory(self):
        return self.h.clone() if self.h is not None else None

    def set_memory(self, memory):
        self.h = memory

    def reset_memory(self):
        self.h = None

    def __getstate__(self):
        state = self.__dict__.copy()
        state["h"] = None
        return state

    def forward(self, td, state=None, action=None):
        rows, steps = common.shape_of(td)
        if td.batch_dims > 1:
            td = td.reshape(rows * steps)
        obs = td["env_obs"]
        common.stamp(td, rows, steps, device=obs.device)
        x = self.encoder(obs)
        if action is not None:
            y = self.cell.sequence(x.view(rows, steps, -1)).flatten(0, 1)
            return common.write_evaluation(td, self.pi(y), self.v(y), action).reshape(rows, steps)
        if self.h is None:
            self.h = torch.zeros(self.MAX_ENVS, self.width, device=obs.device)
        envs = td["training_env_id_start"] + torch.arange(rows, device=obs.device)
        alive = 1.0 - torch.maximum(td["dones"], td["truncateds"])
        y = self.cell(x, self.h[envs] * alive.unsqueeze(-1))
        self.h[envs] = y.detach()
        return common.write_sample(td, self.pi(y), self.v(y))

    def clip_weights(self):
        common.clip_(self, self.clip_range)


class MinGruFirst(nn.Module):
    """The first try; kept for the comparison in the paper's appendix."""

    def __init__(self, env, width=128, **kwargs):
        super().__init__()
        self.width = width
        self.clip_range = kwargs.pop("clip_range", 0.0)
        self.analyze_weights_interval = kwargs.pop("analyze_weights_interval", 300)
        self.encoder = nn.Linear(600, width)
        self.reset_gate = nn.Linear(width, width)
        self.cell = nn.GRUCell(width, width)
        self.pi = nn.Linear(width, env.single_action_space.n)
        self.v = nn.Linear(width, 1)
        self.h = {}

    def has_memory(self):
        return True

    def get_memory(self):
        return self.h

    def set_memory(self, memory):
        self.h = memory

    def reset_memory(self):
        self.h.clear()

    @torch._dynamo.disable
    def forward(self, td, state=None, action=None):
        rows, steps = common.shape_of(td)
        obs = td["env_obs"]
        x = obs.reshape(rows * steps, -1).float() / 255
        x = self.reset_gate(self.encoder(x)).view(rows, steps, -1)
        key = int(td["training_env_id_start"].flatten()[0]) if "training_env_id_start" in td.keys() else 0
        h = self.h.get(key, torch.zeros(rows, self.width, device=obs.device))
        if "dones" in td.keys():
            if td["dones"].any():
                h = torch.where(td["dones"].bool().view(rows, -1)[:, :1], torch.zeros_like(h), h)
        ys = []
        for t in range(steps):
            h = self.cell(x[:, t], h)
            ys.append(h)
        self.h[key] = h
        y = torch.stack(ys, 1).flatten(0, 1)
        if td.batch_dims > 1:
            td = td.reshape(rows * steps)
        common.stamp(td, steps, rows, device=obs.device)
        if action is None:
            return common.write_sample(td, self.pi(y), self.v(y))
        return common.write_evaluation(td, self.pi(y), self.v(y), action).reshape(rows, steps)

    def clip_weights(self):
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                layer.weight.data.clamp(-self.clip_range, self.clip_range)
