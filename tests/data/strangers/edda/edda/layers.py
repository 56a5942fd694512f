import torch
import torch.nn as nn


def tuned(layer, gain=1.0):
    nn.init.orthogonal_(layer.weight, gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def start_core(core):
    for name, weight in core.named_parameters():
        if name.startswith("bias"):
            nn.init.constant_(weight, 1.0)
        else:
            nn.init.orthogonal_(weight, 1.0)
    return core


def norm_table(env) -> torch.Tensor:
    """Divisors by feature id; ids that the environment does not know are left as they are."""
    table = torch.ones(256)
    for feature, norm in env.feature_normalizations.items():
        table[feature] = norm if norm > 0 else 1.0
    return table


class ActionScores(nn.Module):
    """Scores of the active actions: a bounded query against their embeddings."""

    def __init__(self, width, embed_dim=16, max_actions=100):
        super().__init__()
        self.table = nn.Embedding(max_actions, embed_dim)
        nn.init.orthogonal_(self.table.weight)
        with torch.no_grad():
            self.table.weight.mul_(0.1 / self.table.weight.abs().max())
        self.query = tuned(nn.Linear(width, embed_dim))
        self.bias = nn.Parameter(torch.zeros(1))
        self.register_buffer("active", torch.arange(max_actions), persistent=False)
        self.row_of = {}

    def activate(self, names, device):
        for name in names:
            self.row_of.setdefault(name, len(self.row_of))
        rows = [self.row_of[name] for name in names]
        self.active = torch.tensor(rows, dtype=torch.long, device=device)

    def forward(self, features):
        query = torch.tanh(self.query(features))
        return query @ self.table(self.active).T + self.bias


class EnvRows(nn.Module):
    """The recurrent state of every environment, one row each."""

    def __init__(self, num_layers, hidden_size, num_envs):
        super().__init__()
        self.register_buffer("h", torch.zeros(num_layers, num_envs, hidden_size), persistent=False)
        self.register_buffer("c", torch.zeros(num_layers, num_envs, hidden_size), persistent=False)

    def rows(self, td):
        own = torch.arange(td.batch_size[0], device=self.h.device)
        start = td.get("training_env_id_start", None)
        return own if start is None else own + start.reshape(-1)

    def read(self, rows, ended):
        keep = (~ended).view(1, -1, 1)
        return self.h[:, rows] * keep, self.c[:, rows] * keep

    @torch.no_grad()
    def write(self, rows, h, c):
        self.h[:, rows] = h.detach()
        self.c[:, rows] = c.detach()

    @torch.no_grad()
    def clear(self):
        self.h.zero_()
        self.c.zero_()

    def __getstate__(self):
        state = dict(self.__dict__)
        state["_buffers"] = {name: torch.zeros_like(value) for name, value in self._buffers.items()}
        return state
