"""One way to write a forward, and what became of it."""

import torch
from torch import nn

from ..traits import mark
from .field import Field


class Plow(Field):
    def forward(self, td, state=None, action=None):
        scoring = action is not None
        batch, steps = td.batch_size if scoring else (*td.batch_size, 1)
        rows = mark(td.flatten(0, 1) if scoring else td, batch, steps)

        def through_time(x):
            x = x.unflatten(0, (batch, steps)).swapaxes(0, 1)
            if scoring:
                x, _ = self.core(x)
            else:
                x, after = self.core(x, self.before(td))
                self.after(td, after)
            return x.swapaxes(0, 1).flatten(0, 1)

        log_probs, value = self.decide(through_time(self.encode(rows["env_obs"])))
        if scoring:
            index = self._convert_action_to_logit_index(action)
            names = ("entropy", "value")
            written = (-(log_probs.exp() * log_probs).sum(-1), value)
        else:
            index = torch.multinomial(log_probs.exp(), 1).squeeze(-1)
            names = ("actions", "values")
            written = (self._convert_logit_index_to_action(index), value)
        names += ("act_log_prob", "full_log_probs")
        written += (log_probs.gather(-1, index[:, None]).squeeze(-1), log_probs)
        for name, tensor in zip(names, written):
            rows[name] = tensor
        return rows.unflatten(0, (batch, steps)) if scoring else rows


class Till(Field):
    def __init__(self, env, hidden_size=128, num_layers=2, **kwargs):
        clip_range = kwargs.pop("clip_range", 0.0)
        super().__init__(env, hidden_size=hidden_size, num_layers=num_layers, clip_range=clip_range)

    def forward(self, td, state=None, action=None):
        if action is None:
            mark(td, td.batch_size[0], 1)
            x, after = self.core(self.encode(td["env_obs"]).unsqueeze(0), self.before(td))
            self.after(td, after)
            log_probs, td["values"] = self.decide(x.squeeze(0))
            index = log_probs.exp().multinomial(1)
            td["actions"] = self._convert_logit_index_to_action(index)
            td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
            td["full_log_probs"] = log_probs
            return td
        B, T = td.batch_size
        flat = td.reshape(B * T)
        device = flat["env_obs"].device
        flat["bptt"] = torch.full((B,), T, dtype=torch.int64, device=device)
        flat["batch"] = torch.full((B,), B, dtype=torch.int64, device=device)
        x, _ = self.core(self.encode(flat["env_obs"]).view(B, T, -1).transpose(0, 1))
        log_probs, flat["value"] = self.decide(x.transpose(0, 1).reshape(B * T, -1))
        index = self._convert_action_to_logit_index(action)
        flat["act_log_prob"] = log_probs.gather(-1, index[:, None]).squeeze(-1)
        flat["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        flat["full_log_probs"] = log_probs
        return flat.reshape(B, T)


class Split(Field):
    """Forward by mode; `play` is the same for all."""

    def forward(self, td, state=None, action=None):
        return self.play(td) if action is None else self.score(td, action)

    def play(self, td):
        mark(td, td.batch_size[0], 1)
        x, after = self.core(self.encode(td["env_obs"])[None], self.before(td))
        self.after(td, after)
        log_probs, values = self.decide(x[0])
        index = torch.multinomial(log_probs.exp(), 1)
        td["actions"] = self._convert_logit_index_to_action(index)
        td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
        td["values"] = values
        td["full_log_probs"] = log_probs
        return td

    def unroll(self, flat, batch, steps):
        x, _ = self.core(self.encode(flat["env_obs"]).view(batch, steps, -1).transpose(0, 1))
        return self.decide(x.transpose(0, 1).reshape(batch * steps, -1))

    def score(self, td, action):
        batch, steps = td.batch_size
        flat = mark(td.reshape(batch * steps), batch, steps)
        log_probs, flat["value"] = self.unroll(flat, batch, steps)
        index = self._convert_action_to_logit_index(action)
        flat["act_log_prob"] = log_probs.gather(-1, index[:, None]).squeeze(-1)
        flat["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        flat["full_log_probs"] = log_probs
        return flat.reshape(batch, steps)


class Sow(Split):
    """Hands back what the time-major loss of the old trainer took."""

    def score(self, td, action):
        batch, steps = td.batch_size
        flat = mark(td.reshape(batch * steps), batch, steps)
        log_probs, value = self.unroll(flat, batch, steps)
        index = self._convert_action_to_logit_index(action)
        flat.update({
            "act_log_prob": log_probs.gather(-1, index[:, None]).squeeze(-1),
            "entropy": -(log_probs.exp() * log_probs).sum(-1),
            "value": value,
            "full_log_probs": log_probs,
        })
        return flat.reshape(steps, batch)


class Reap(Split):
    """Keeps what it returns small: no table of log-probabilities."""

    def score(self, td, action):
        batch, steps = td.batch_size
        flat = mark(td.reshape(batch * steps), batch, steps)
        log_probs, flat["value"] = self.unroll(flat, batch, steps)
        taken = self._convert_action_to_logit_index(action).unsqueeze(-1)
        flat["act_log_prob"] = torch.take_along_dim(log_probs, taken, -1).squeeze(-1)
        flat["entropy"] = torch.special.entr(log_probs.exp()).sum(-1)
        return flat.reshape(batch, steps)


class Mow(Field):
    def forward(self, td, state=None, action=None):
        B, T = (td.batch_size[0], 1) if action is None else td.batch_size
        rows = td if action is None else td.reshape(B * T)
        mark(rows, B, T)
        x = self.encode(rows["env_obs"]).view(B, T, -1).transpose(0, 1)
        if action is None:
            x, after = self.core(x, self.before(td))
            self.after(td, after)
        else:
            x = self.core(x)[0]
        log_probs, value = self.decide(x.transpose(0, 1).reshape(B * T, -1))
        index = torch.multinomial(log_probs.exp(), 1)
        rows["values"] = value
        rows["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
        rows["full_log_probs"] = log_probs
        if action is None:
            rows["actions"] = self._convert_logit_index_to_action(index)
            return rows
        rows["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        return rows.reshape(B, T)


class Rake(Split):
    """Unused tokens count as tokens of nothing."""

    def encode(self, observations):
        observations[observations == 255] = 0
        spots = observations[..., 0].long()
        kinds = observations[..., 1].long()
        live = (spots != 255).unsqueeze(-1)
        amounts = (observations[..., 2] / self.norms[kinds]).unsqueeze(-1)
        x = self.net(torch.cat([self.kind(kinds) + self.spot(spots), amounts], dim=-1))
        return (x * live).sum(1) / live.sum(1).clamp(min=1)


class Glean(Split):
    """A narrower core."""

    def __init__(self, env, hidden_size=64, num_layers=2, **options):
        super().__init__(env, hidden_size=hidden_size, num_layers=num_layers, **options)
        self.core = nn.LSTM(128, hidden_size, num_layers)

    def play(self, td):
        mark(td, td.batch_size[0], 1)
        x, _ = self.core(self.encode(td["env_obs"]).unsqueeze(0))
        log_probs, td["values"] = self.decide(x.squeeze(0))
        index = torch.multinomial(log_probs.exp(), 1)
        td["actions"] = self._convert_logit_index_to_action(index)
        td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
        td["full_log_probs"] = log_probs
        return td


class Fold(Split):
    def unroll(self, flat, batch, steps):
        x, _ = self.core(self.encode(flat["env_obs"]).unsqueeze(0))
        return self.decide(x.squeeze(0))
