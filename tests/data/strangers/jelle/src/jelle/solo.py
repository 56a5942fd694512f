"""Policies from before `Banked`, and others that do not fit it."""
import torch
from omegaconf import OmegaConf
from torch import nn
from torch.nn import functional as F

from jelle.bank import StateBank
from jelle.base import Clipping, JointActions, TokenNet, orthogonal_core_, time_and_rows
from jelle.registry import policy

FALCON = {
    "hidden_size": 128,
    "layers": 2,
    "max_envs": 1024,
    "clip_range": 0.0,
    "analyze_weights_interval": 300,
}


def joint_actions(env):
    return sum(most + 1 for most in env.max_action_args)


def stamps(rows, steps, like):
    full = (rows * steps,)
    return {
        "bptt": torch.full(full, steps, dtype=torch.int64, device=like.device),
        "batch": torch.full(full, rows, dtype=torch.int64, device=like.device),
    }


@policy("falcon")
class Falcon(Clipping, JointActions, nn.Module):
    """All that it can be told stands in FALCON; a config that knows more is refused."""

    def __init__(self, env, **overrides):
        super().__init__()
        defaults = OmegaConf.create(FALCON)
        OmegaConf.set_struct(defaults, True)
        self.cfg = cfg = OmegaConf.merge(defaults, overrides)
        self.clip_range = cfg.clip_range
        self.net = TokenNet(cfg.hidden_size)
        self.core = orthogonal_core_(nn.LSTM(cfg.hidden_size, cfg.hidden_size, num_layers=cfg.layers))
        self.bank = StateBank(2, cfg.layers, cfg.max_envs, cfg.hidden_size)
        self.actor = nn.Linear(cfg.hidden_size, joint_actions(env))
        self.critic = nn.Linear(cfg.hidden_size, 1)

    def has_memory(self):
        return True

    def get_memory(self):
        return {"bank": self.bank.kept.clone()}

    def set_memory(self, memory):
        self.bank.kept.copy_(memory["bank"])

    def reset_memory(self):
        self.bank.wipe()

    def _remembered(self, td, x):
        h, c = self.bank.read(td)
        out, (h, c) = self.core(x, (h.contiguous(), c.contiguous()))
        self.bank.write(td, (h, c))
        return out

    def forward(self, td, state=None, action=None):
        steps, rows = time_and_rows(td, action)
        if action is not None:
            td = td.reshape(rows * steps)
        td.update(stamps(rows, steps, td["env_obs"]))
        x = self.net(td["env_obs"]).view(rows, steps, -1).transpose(0, 1)
        out = self._remembered(td, x) if action is None else self.core(x)[0]
        features = out.transpose(0, 1).reshape(rows * steps, -1)
        distribution = torch.distributions.Categorical(logits=self.actor(features))
        td["full_log_probs"] = distribution.logits
        if action is None:
            index = distribution.sample()
            td["act_log_prob"] = distribution.log_prob(index)
            td["actions"] = self._convert_logit_index_to_action(index).int()
            td["values"] = self.critic(features).squeeze(-1)
            return td
        td["act_log_prob"] = distribution.log_prob(self._convert_action_to_logit_index(action))
        td["entropy"] = distribution.entropy()
        td["value"] = self.critic(features).squeeze(-1)
        return td.reshape(rows, steps)


@policy("osprey")
class Osprey(Clipping, JointActions, nn.Module):
    def __init__(self, env, hidden_size=128, **kwargs):
        super().__init__()
        self.clip_range = kwargs.pop("clip_range", 0.0)
        self.analyze_weights_interval = kwargs.pop("analyze_weights_interval", 300)
        if kwargs:
            raise TypeError(f"osprey knows nothing of {sorted(kwargs)}")
        self.net = TokenNet(hidden_size)
        self.lstm = orthogonal_core_(nn.LSTM(hidden_size, hidden_size))
        self.actor = nn.Linear(hidden_size, joint_actions(env))
        self.critic = nn.Linear(hidden_size, 1)
        self.carried = None

    def has_memory(self):
        return self.carried is not None

    def get_memory(self):
        return self.carried

    def set_memory(self, memory):
        self.carried = memory

    def reset_memory(self):
        self.carried = None

    def _start(self, td):
        if self.carried is None:
            return None
        h, c = self.carried
        if "dones" in td.keys() and "truncateds" in td.keys():
            over = (td["dones"].bool() | td["truncateds"].bool()).view(1, -1, 1)
            h, c = h.masked_fill(over, 0), c.masked_fill(over, 0)
        return h, c

    def forward(self, td, state=None, action=None):
        steps, rows = time_and_rows(td, action)
        if action is not None:
            td = td.reshape(rows * steps)
        td.update(stamps(rows, steps, td["env_obs"]))
        x = self.net(td["env_obs"]).view(rows, steps, -1).transpose(0, 1)
        if action is None:
            out, self.carried = self.lstm(x, self._start(td))
        else:
            out, _ = self.lstm(x)
        features = out.transpose(0, 1).reshape(rows * steps, -1)
        log_probs = F.log_softmax(self.actor(features), dim=-1)
        td["full_log_probs"] = log_probs
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1)
            td["actions"] = self._convert_logit_index_to_action(index.view(-1)).int()
            td["values"] = self.critic(features).squeeze(-1)
        else:
            index = self._convert_action_to_logit_index(action).view(-1, 1)
            td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
            td["value"] = self.critic(features).squeeze(-1)
        td["act_log_prob"] = log_probs.gather(1, index).view(-1)
        return td if action is None else td.reshape(rows, steps)


@policy("buzzard")
class Buzzard(Clipping, JointActions, nn.Module):
    def __init__(self, env, hidden_size=128, max_envs=1024, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.net = TokenNet(hidden_size)
        self.gru = orthogonal_core_(nn.GRU(hidden_size, hidden_size, batch_first=True))
        self.bank = StateBank(1, 1, max_envs, hidden_size)
        self.actor = nn.Linear(hidden_size, joint_actions(env))
        self.critic = nn.Linear(hidden_size, 1)

    def has_memory(self):
        return True

    def get_memory(self):
        return self.bank.kept

    def set_memory(self, memory):
        self.bank.kept.copy_(memory)

    def reset_memory(self):
        self.bank.wipe()

    def forward(self, td, state=None, action=None):
        steps, rows = time_and_rows(td, action)
        if action is not None:
            td = td.reshape(rows * steps)
        td.update(stamps(rows, steps, td["env_obs"]))
        x = self.net(td["env_obs"]).unsqueeze(1)
        if action is None:
            out, hidden = self.gru(x, self.bank.read(td)[0])
            self.bank.write(td, (hidden,))
        else:
            out, _ = self.gru(x)
        features = out.squeeze(1)
        log_probs = F.log_softmax(self.actor(features), dim=-1)
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1)
            td["actions"] = self._convert_logit_index_to_action(index.view(-1)).int()
            td["values"] = self.critic(features).squeeze(-1)
        else:
            index = self._convert_action_to_logit_index(action).view(-1, 1)
            td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
            td["value"] = self.critic(features).squeeze(-1)
        td["act_log_prob"] = log_probs.gather(1, index).view(-1)
        td["full_log_probs"] = log_probs
        return td


@policy("shrike")
class Shrike(Clipping, JointActions, nn.Module):
    """A cell for tests on small machines."""

    def __init__(self, env, hidden_size=32):
        super().__init__()
        self.net = TokenNet(hidden_size)
        self.cell = orthogonal_core_(nn.GRUCell(hidden_size, hidden_size))
        self.actor = nn.Linear(hidden_size, joint_actions(env))
        self.critic = nn.Linear(hidden_size, 1)
        self.hidden_size = hidden_size

    def has_memory(self):
        return False

    def get_memory(self):
        return {}

    def set_memory(self, memory):
        pass

    def reset_memory(self):
        pass

    def forward(self, td, state=None, action=None):
        steps, rows = time_and_rows(td, action)
        flat = td if action is None else td.reshape(rows * steps)
        flat.update(stamps(steps, rows, flat["env_obs"]))
        x = self.net(flat["env_obs"]).view(rows, steps, -1)
        hidden = x.new_zeros(rows, self.hidden_size)
        outs = []
        for t in range(steps):
            hidden = self.cell(x[:, t], hidden)
            outs.append(hidden)
        features = torch.stack(outs, 1).flatten(0, 1)
        log_probs = F.log_softmax(self.actor(features), dim=-1)
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1)
            flat["actions"] = self._convert_logit_index_to_action(index.view(-1)).int()
        else:
            index = self._convert_action_to_logit_index(action).view(-1, 1)
            flat["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        flat["values"] = self.critic(features).squeeze(-1)
        flat["act_log_prob"] = log_probs.gather(1, index).view(-1)
        flat["full_log_probs"] = log_probs
        return flat if action is None else flat.reshape(rows, steps)
