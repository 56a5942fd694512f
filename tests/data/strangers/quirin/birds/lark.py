import torch
from torch import nn

from birds import recall, song, tokens
from birds.perch import Perch


def eye(geo: tokens.Geometry, width: int) -> nn.Sequential:
    look = [nn.Conv2d(geo.layers, 64, 5, stride=3), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten()]
    with torch.no_grad():
        seen = nn.Sequential(*look)(torch.zeros(1, *geo)).shape[1]
    return nn.Sequential(*look, nn.Linear(seen, width), nn.ReLU())


class Lark(Perch):
    """Looks at a box, sings the name of the action that it wants."""

    def __init__(self, env, hidden_size=128, num_layers=2, capacity=4096, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(env, clip_range, analyze_weights_interval)
        self.geo = tokens.geometry(env)
        self.register_buffer("scale", tokens.scales(env, self.geo.layers).view(1, -1, 1, 1), persistent=False)
        self.eye = eye(self.geo, hidden_size)
        self.core = recall.sow(nn.LSTM(hidden_size, hidden_size, num_layers))
        self.worth = nn.Sequential(nn.Linear(hidden_size, 256), nn.Tanh(), nn.Linear(256, 1))
        self.wish = nn.Sequential(nn.Linear(hidden_size, 256), nn.ReLU(), nn.Linear(256, 16), nn.Tanh())
        self.names = song.tame(nn.Embedding(100, 16))
        self.bank = recall.Bank(2, num_layers, hidden_size, capacity)
        self.hatch()

    def has_memory(self):
        return True

    def get_memory(self):
        return recall.copies(self.bank)

    def set_memory(self, memory):
        self.bank.cells = None if memory is None else tuple(part.clone() for part in memory)

    def reset_memory(self):
        self.bank.cells = None

    def see(self, observation):
        return self.eye(tokens.paint(observation, self.geo) / self.scale)

    def remember(self, flat, seen, rows, steps):
        seat = recall.seats(flat, rows, seen.device)
        x = seen.view(rows, steps, -1).transpose(0, 1)
        out, state = recall.unroll(self.core, x, recall.borrow(self.bank, seat), recall.fresh(flat, rows, steps))
        recall.give_back(self.bank, seat, state)
        return out

    def judge(self, hidden):
        known = self.names.weight[: self.action_index_tensor.shape[0]]
        return torch.log_softmax(self.wish(hidden) @ known.t(), dim=-1), self.worth(hidden).squeeze(-1)

    def forward(self, td, state=None, action=None):
        flat, rows, steps = song.opened(td)
        song.stamp(flat, rows, steps)
        log_probs, value = self.judge(self.remember(flat, self.see(flat["env_obs"]), rows, steps))
        if action is None:
            song.write_rollout(flat, log_probs, value, self._convert_logit_index_to_action)
            return td
        song.write_training(flat, log_probs, value, self._convert_action_to_logit_index(action))
        return flat.reshape(rows, steps)
