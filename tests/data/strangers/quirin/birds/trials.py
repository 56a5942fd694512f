"""Birds that we compare the two good ones to."""

import torch
from torch import nn

from birds import recall, song, tokens
from birds.lark import Lark
from birds.wren import Wren


class LarkByGroup(Lark):
    """As Lark, but with a dictionary of states instead of the bank: no capacity to choose."""

    def __init__(self, env, **options):
        super().__init__(env, **options)
        del self.bank
        self.groups = {}

    def get_memory(self):
        return self.groups

    def set_memory(self, memory):
        self.groups = {group: tuple(part.clone() for part in state) for group, state in memory.items()}

    def reset_memory(self):
        self.groups.clear()

    def remember(self, flat, seen, rows, steps):
        group = flat["training_env_id_start"][0].item() if "training_env_id_start" in flat.keys() else 0
        state = self.groups.get(group)
        if state is None:
            shape = (self.core.num_layers, rows, self.core.hidden_size)
            state = (torch.zeros(shape, device=seen.device), torch.zeros(shape, device=seen.device))
        x = seen.view(rows, steps, -1).transpose(0, 1)
        out, (h, c) = recall.unroll(self.core, x, state, recall.fresh(flat, rows, steps))
        self.groups[group] = (h.detach(), c.detach())
        return out


class LarkSlim(Lark):
    """One method from top to bottom; was a little faster under the profiler."""

    def clip_weights(self):
        if self.clip_range > 0:
            with torch.no_grad():
                for _, weight in self.bounded():
                    weight.clamp(-self.clip_range, self.clip_range)

    def forward(self, td, state=None, action=None):
        training = action is not None
        rows, steps = td.batch_size if training else (td.batch_size[0], 1)
        flat = td.reshape(rows * steps) if training else td
        count, device = rows * steps, flat["env_obs"].device
        flat["bptt"] = torch.full((count,), rows, dtype=torch.long, device=device)
        flat["batch"] = torch.full((count,), steps, dtype=torch.long, device=device)

        log_probs, value = self.judge(self.remember(flat, self.see(flat["env_obs"]), rows, steps))
        index = self._convert_action_to_logit_index(action) if training else song.draw(log_probs)
        flat["act_log_prob"] = song.pick(log_probs, index)
        flat["full_log_probs"] = log_probs
        flat["values"] = value
        if training:
            flat["entropy"] = song.spread(log_probs)
            return flat.reshape(rows, steps)
        flat["actions"] = self._convert_logit_index_to_action(index).to(torch.int32)
        return td


class LarkFlat(Lark):
    """Layers weighted by how often they are seen, and a flat look at the box instead of the convolutions."""

    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(
            env, hidden_size=hidden_size, clip_range=clip_range, analyze_weights_interval=analyze_weights_interval
        )
        layers, width, height = self.geo
        self.rarity = torch.linspace(0.5, 1.5, layers).view(1, layers, 1, 1)
        self.eye = nn.Sequential(
            nn.Flatten(),
            nn.Linear(layers * width * height, 256),
            nn.Linear(256, hidden_size),
            nn.ReLU(),
        )
        self.hatch()

    def see(self, observation):
        return self.eye(scatter_box(observation, self.geo) / self.scale * self.rarity)


def scatter_box(observation, geo):
    layers, width, height = geo
    coords, x, y, attributes, values = tokens.parts(observation)
    real = coords != tokens.EMPTY
    index = attributes * (width * height) + x * height + y
    index = torch.where(real, index, torch.zeros_like(index))
    values = torch.where(real, values, torch.zeros_like(values))
    box = torch.zeros(observation.shape[0], layers * width * height, device=observation.device)
    box.scatter_(1, index, values)
    return box.view(-1, layers, width, height)


class WrenEcho(Wren):
    """Wren that hears its own last thought once more."""

    def l2_init_loss(self):
        total = 0.0
        for name, weight in self.bounded():
            total = total + (weight.detach() - self.hatched[name].to(weight.device)).square().sum()
        return total

    def forward(self, td, state=None, action=None):
        flat, rows, steps = song.opened(td)
        song.stamp(flat, rows, steps)
        seen = self.see(flat["env_obs"]) + 0.1 * torch.rand(rows * steps, self.mix.out_features)
        seat = recall.seats(flat, rows, seen.device)
        x = seen.unflatten(0, (rows, steps)).transpose(0, 1)
        out, kept = recall.unroll(self.core, x, recall.borrow(self.bank, seat), recall.fresh(flat, rows, steps))
        recall.give_back(self.bank, seat, kept)
        log_probs, value = self.judge(out)
        index = song.draw(log_probs)
        if action is None:
            song.write_rollout(flat, log_probs, value, self._convert_logit_index_to_action)
            return td
        song.write_training(flat, log_probs, value, index)
        return flat.reshape(rows, steps)


class WrenPlain(Wren):
    """Wren without the bank."""

    def __init__(self, env, **options):
        super().__init__(env, **options)
        del self.bank
        self.last = None

    def __getstate__(self):
        return {**self.__dict__, "last": None}

    def get_memory(self):
        return {} if self.last is None else {"gru": self.last.detach().clone()}

    def set_memory(self, memory):
        self.last = memory["gru"].clone() if "gru" in memory else None

    def reset_memory(self):
        self.last = None

    def forward(self, td, state=None, action=None):
        flat, rows, steps = song.opened(td)
        song.stamp(flat, rows, steps)
        seen = self.see(flat["env_obs"]).unflatten(0, (rows, steps)).transpose(0, 1)
        last = self.last
        if last is None:
            last = torch.zeros(1, rows, self.core.hidden_size, device=seen.device)
        dones = flat["dones"].bool().view(rows, steps).t() if "dones" in flat.keys() else None
        said = []
        for step in range(steps):
            if dones is not None:
                last = last * (~dones[step]).float().view(1, -1, 1)
            out, last = self.core(seen[step : step + 1], last)
            said.append(out)
        self.last = last
        log_probs, value = self.judge(torch.cat(said).transpose(0, 1).flatten(0, 1))
        if action is None:
            song.write_rollout(flat, log_probs, value, self._convert_logit_index_to_action)
            return td
        song.write_training(flat, log_probs, value, self._convert_action_to_logit_index(action))
        return flat.reshape(rows, steps)
