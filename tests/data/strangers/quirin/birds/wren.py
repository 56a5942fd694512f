import torch
from torch import nn

from birds import recall, song, tokens
from birds.perch import Perch


class Wren(Perch):
    """Sums up its tokens and has one gated layer of memory; every action has a score of its own."""

    OCTAVES = 4

    def __init__(self, env, hidden_size=96, attribute_size=12, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(env, clip_range=clip_range, analyze_weights_interval=analyze_weights_interval)
        self.kinds = nn.Embedding(256, attribute_size)
        self.register_buffer("scale", tokens.scales(env, 256), persistent=False)
        self.token = nn.Linear(attribute_size + 4 * self.OCTAVES + 1, hidden_size)
        self.mix = nn.Linear(hidden_size, hidden_size)
        self.core = recall.sow(nn.GRU(hidden_size, hidden_size))
        self.score = nn.Linear(hidden_size, sum(most + 1 for most in env.max_action_args))
        self.worth = nn.Linear(hidden_size, 1)
        self.bank = recall.Bank(1, 1, hidden_size)
        self.hatch()

    def has_memory(self):
        return True

    def get_memory(self):
        return {"gru": recall.copies(self.bank)}

    def set_memory(self, memory):
        cells = memory.get("gru")
        self.bank.cells = None if cells is None else tuple(part.clone() for part in cells)

    def reset_memory(self):
        self.bank.cells = None

    def see(self, observation):
        coords, x, y, attributes, values = tokens.parts(observation)
        real = (coords != tokens.EMPTY).unsqueeze(-1).float()
        value = (values / self.scale[attributes]).unsqueeze(-1)
        where = [tokens.waves(x, self.OCTAVES), tokens.waves(y, self.OCTAVES)]
        each = torch.relu(self.token(torch.cat([self.kinds(attributes), *where, value], dim=-1)))
        return torch.relu(self.mix((each * real).sum(1) / real.sum(1).clamp(min=1)))

    def judge(self, hidden):
        return self.score(hidden).log_softmax(-1), self.worth(hidden).view(-1)

    def forward(self, td, state=None, action=None):
        flat, rows, steps = song.opened(td)
        song.stamp(flat, rows, steps)
        seen = self.see(flat["env_obs"])
        seat = recall.seats(flat, rows, seen.device)
        x = seen.unflatten(0, (rows, steps)).transpose(0, 1)
        out, kept = recall.unroll(self.core, x, recall.borrow(self.bank, seat), recall.fresh(flat, rows, steps))
        recall.give_back(self.bank, seat, kept)
        log_probs, value = self.judge(out)
        if action is None:
            song.write_rollout(flat, log_probs, value, self._convert_logit_index_to_action)
            return td
        song.write_training(flat, log_probs, value, self._convert_action_to_logit_index(action))
        return flat.reshape(rows, steps)
