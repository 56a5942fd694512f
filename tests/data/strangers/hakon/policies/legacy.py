"""Policies of the first runs; kept to compare with."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Categorical

from policies.common import Acting, Bounded, count_actions, fold, start_core


class Old(Bounded, Acting, nn.Module):
    """Its state is two tensors, a row for each environment, made when the first group comes by."""

    def __init__(self, env, hidden_size=64, room=2048, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.room = room
        self.hidden_size = hidden_size
        self.one = nn.Linear(3, 48)
        self.two = nn.Linear(48, hidden_size)
        self.lstm = start_core(nn.LSTM(hidden_size, hidden_size))
        self.pi = nn.Linear(hidden_size, count_actions(env))
        self.v = nn.Linear(hidden_size, 1)
        self.h = None
        self.c = None
        self.mark()

    def __getstate__(self):
        return dict(self.__dict__, h=None, c=None)

    def has_memory(self):
        return True

    def reset_memory(self):
        self.h, self.c = None, None

    def get_memory(self):
        return None if self.h is None else (self.h.clone(), self.c.clone())

    def set_memory(self, memory):
        self.h, self.c = (None, None) if memory is None else (memory[0].clone(), memory[1].clone())

    def scaled(self, obs):
        return obs.float() / 255

    def encode(self, obs):
        real = (obs[..., :1] != 255).float()
        z = F.relu(self.two(F.relu(self.one(self.scaled(obs)))))
        return (z * real).sum(1) / real.sum(1).clamp(min=1)

    def core(self, td, x, B, T, acting):
        x = x.view(B, T, -1).transpose(0, 1)
        if not acting:
            return self.lstm(x)[0]
        if self.h is None:
            self.h = x.new_zeros(1, self.room, self.hidden_size)
            self.c = torch.zeros_like(self.h)
        seat = torch.arange(B, device=x.device)
        if "training_env_id_start" in td.keys():
            seat = seat + td["training_env_id_start"].view(-1)[0]
        h, c = self.h[:, seat], self.c[:, seat]
        for flag in [td.get("dones", None), td.get("truncateds", None)]:
            if flag is not None:
                gone = flag.bool().view(1, B, 1)
                h, c = h.masked_fill(gone, 0), c.masked_fill(gone, 0)
        out, (h, c) = self.lstm(x, (h, c))
        self.h[:, seat] = h.detach()
        self.c[:, seat] = c.detach()
        return out

    def forward(self, td, state=None, action=None):
        td, B, T = fold(td)
        out = self.core(td, self.encode(td["env_obs"]), B, T, action is None)
        y = out.transpose(0, 1).reshape(B * T, -1)
        self.answer(td, self.pi(y), self.v(y), action)
        return td if action is None else td.reshape(B, T)


class OldSquare(Old):
    """Values and places by the greatest that there is."""

    def scaled(self, obs):
        x = obs.float()
        top = x.amax()
        return x / top

    def encode(self, obs):
        tokens = obs.masked_fill(obs == 255, 0)
        real = (tokens[..., :1] != 255).float()
        z = F.relu(self.two(F.relu(self.one(self.scaled(tokens)))))
        weight = torch.linspace(1.0, 0.5, obs.shape[1]).view(1, -1, 1)
        return (z * real * weight).sum(1) / real.sum(1).clamp(min=1)


class OldDist(Old):
    """By torch's own distribution; its logits are log-probabilities already."""

    def answer(self, td, logits, value, action):
        over = Categorical(logits=logits, validate_args=False)
        index = over.sample() if action is None else self._convert_action_to_logit_index(action)
        td.update({"act_log_prob": over.log_prob(index), "full_log_probs": over.logits})
        if action is None:
            td.update({"actions": self._convert_logit_index_to_action(index).int(), "values": value[:, 0]})
        else:
            td.update({"entropy": over.entropy(), "value": value[:, 0]})


class OldPort(Old):
    """As in the trainer that it comes from: what is drawn is what is scored."""

    def answer(self, td, logits, value, action):
        over = Categorical(logits=logits, validate_args=False)
        index = over.sample()
        td["act_log_prob"] = over.log_prob(index)
        td["full_log_probs"] = over.logits
        td["value"] = value[:, 0]
        if action is None:
            td["actions"] = self._convert_logit_index_to_action(index).int()
        else:
            td["entropy"] = over.entropy()


class OldFlat(Old):
    """Minibatches in one sweep."""

    def core(self, td, x, B, T, acting):
        if acting:
            return super().core(td, x, B, T, acting)
        out, _ = self.lstm(x.view(1, B * T, -1))
        return out


class Single(Acting, nn.Module):
    """For one group of environments, on a laptop."""

    def __init__(self, env, hidden_size=64, **options):
        super().__init__()
        self.clip_range = options.pop("clip_range", 0.0)
        self.analyze_weights_interval = options.pop("analyze_weights_interval", 300)
        if options:
            raise TypeError("unknown options: %s" % sorted(options))
        self.hidden_size = hidden_size
        self.kind = nn.Embedding(256, 32)
        self.two = nn.Linear(33, hidden_size)
        self.lstm = nn.LSTM(hidden_size, hidden_size)
        self.pi = nn.Linear(hidden_size, count_actions(env))
        self.v = nn.Linear(hidden_size, 1)
        self.state = None

    def has_memory(self):
        return True

    def reset_memory(self):
        self.state = None

    def get_memory(self):
        return None if self.state is None else tuple(s.clone() for s in self.state)

    def set_memory(self, memory):
        self.state = None if memory is None else tuple(s.clone() for s in memory)

    def encode(self, obs):
        real = (obs[..., 0] != 255).float().unsqueeze(-1)
        z = torch.cat([self.kind(obs[..., 1].long()), obs[..., 2:].float() / 255], -1)
        return (F.relu(self.two(z)) * real).sum(1)

    def forward(self, td, state=None, action=None):
        td, B, T = fold(td)
        x = self.encode(td["env_obs"]).view(B, T, -1).transpose(0, 1)
        if action is None:
            before = self.state
            if before is None:
                before = (x.new_zeros(1, B, self.hidden_size), x.new_zeros(1, B, self.hidden_size))
            done = td["dones"].bool().view(1, B, 1)
            before = tuple(s.masked_fill(done, 0.0) for s in before)
            out, after = self.lstm(x, before)
            self.state = tuple(s.detach() for s in after)
        else:
            out, _ = self.lstm(x)
        y = out.transpose(0, 1).reshape(B * T, -1)
        self.answer(td, self.pi(y), self.v(y), action)
        return td if action is None else td.reshape(B, T)
