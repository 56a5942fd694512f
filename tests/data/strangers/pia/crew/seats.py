"""A GRU whose state has a seat for each environment row."""
import torch
from torch import nn


def ended(td, shape):
    """Where an episode is over, [steps, rows]; nowhere if the data do not say."""
    over = torch.zeros(shape, dtype=torch.bool, device=td["env_obs"].device)
    for key in ("dones", "truncateds"):
        if (flag := td.get(key, None)) is not None:
            over = over | flag.reshape(shape).bool()
    rows, steps = shape
    return over.view(rows, steps).T


class SeatedGRU(nn.Module):
    def __init__(self, inputs, width, layers=1, seats=4096):
        super().__init__()
        self.gru = nn.GRU(inputs, width, layers)
        for name, weight in self.gru.named_parameters():
            if name.startswith("weight"):
                nn.init.orthogonal_(weight, gain=1.0)
            else:
                weight.data.fill_(1.0)
        self.register_buffer("seats", torch.zeros(layers, seats, width), persistent=False)

    def __getstate__(self):
        kept = dict(self.__dict__)
        kept["_buffers"] = {"seats": torch.zeros_like(self.seats)}
        return kept

    def taken(self, td, rows):
        numbers = torch.arange(rows, device=self.seats.device)
        start = td.get("training_env_id_start", None)
        return numbers if start is None else start.reshape(-1)[0] + numbers

    def step(self, x, td):
        """One step of a rollout: [rows, inputs] -> [rows, width]."""
        rows = x.shape[0]
        taken = self.taken(td, rows)
        over = ended(td, (rows, 1)).unsqueeze(-1)
        out, state = self.gru(x.unsqueeze(0), self.seats[:, taken].masked_fill(over, 0.0))
        self.seats[:, taken] = state.detach()
        return out.squeeze(0)

    def unroll(self, x, td):
        """A training sequence, [steps, rows, inputs], which starts afresh wherever an episode ends in it."""
        steps, rows, _ = x.shape
        keep = (~ended(td, (rows, steps))).float()
        state = x.new_zeros(self.gru.num_layers, rows, self.gru.hidden_size)
        outs = []
        for t in range(steps):
            out, state = self.gru(x[t : t + 1], state * keep[t].view(1, -1, 1))
            outs.append(out)
        return torch.cat(outs)


class Seated:
    """Memory of an agent whose `core` is a SeatedGRU."""

    def has_memory(self):
        return True

    def get_memory(self):
        return {"seats": self.core.seats.clone()}

    def set_memory(self, memory):
        self.core.seats.copy_(memory["seats"])

    def reset_memory(self):
        self.core.seats.zero_()
