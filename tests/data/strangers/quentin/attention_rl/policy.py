import typing as t

import torch
from tensordict import TensorDict
from torch import nn
from torch.distributions import Categorical

from attention_rl.blocks import CrossAttention, Scores, SquashedScores, Squint, TokenTransformer
from attention_rl.options import Options
from attention_rl.slots import Slots


def contract_init(rnn: nn.RNNBase) -> None:
    for weights in rnn.all_weights:
        for w in weights:
            if w.dim() > 1:
                nn.init.orthogonal_(w, gain=1.0)
            else:
                w.data.fill_(1.0)


def clamp_layers(module: nn.Module, bound: float) -> None:
    with torch.no_grad():
        for m in module.modules():
            if isinstance(m, (nn.Linear, nn.Conv2d)):
                m.weight.clamp_(min=-bound, max=bound)


class Gaze(nn.Module):
    """Transformer over the tokens, LSTM over time."""

    def __init__(self, env, *, options: t.Optional[Options] = None, clip_range=None, analyze_weights_interval=None):
        super().__init__()
        options = options or Options()
        self.clip_range = options.clip_range if clip_range is None else clip_range
        self.analyze_weights_interval = analyze_weights_interval or options.analyze_weights_interval
        self.width = options.width
        self.look = self.eye(options)
        self.rnn = self.brain(options)
        contract_init(self.rnn)
        self.scores = Scores(options.width)
        self.critic = nn.Sequential(nn.Linear(options.width, 256), nn.Tanh(), nn.Linear(256, 1))
        parts = 2 if isinstance(self.rnn, nn.LSTM) else 1
        self.slots = Slots(parts, options.layers, options.slots, options.width)

    def eye(self, options: Options) -> nn.Module:
        return TokenTransformer(options.width, options.heads)

    def brain(self, options: Options) -> nn.RNNBase:
        return nn.LSTM(options.width, options.width, options.layers)

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> torch.Tensor:
        return self.slots.table.clone()

    def set_memory(self, memory: torch.Tensor) -> None:
        self.slots.table.copy_(memory)

    def reset_memory(self) -> None:
        self.slots.wipe()

    def clip_weights(self) -> None:
        if self.clip_range > 0:
            clamp_layers(self, self.clip_range)

    def remember(self, x, td, rows):
        h, c = self.slots.fetch(td, rows)
        x, (h, c) = self.rnn(x, (h.contiguous(), c.contiguous()))
        self.slots.store(td, rows, h, c)
        return x

    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        if td.ndim == 2:
            rows, steps = td.shape
            td = td.flatten(0, 1)
        else:
            rows, steps = td.shape[0], 1
        obs = td["env_obs"]
        td["bptt"] = obs.new_full((rows * steps,), steps, dtype=torch.int64)
        td["batch"] = obs.new_full((rows * steps,), rows, dtype=torch.int64)
        x = self.look(obs).unflatten(0, (rows, steps)).transpose(0, 1)
        x = self.remember(x, td, rows) if action is None else self.rnn(x)[0]
        x = x.transpose(0, 1).flatten(0, 1)
        dist = Categorical(logits=self.scores(x, self.action_index_tensor.size(0)))
        if action is None:
            chosen = dist.sample()
            td["actions"] = self.action_index_tensor[chosen].int()
            td["act_log_prob"] = dist.log_prob(chosen)
            td["values"] = self.critic(x).squeeze(-1)
            td["full_log_probs"] = dist.logits
            return td
        kind, arg = action.long().reshape(-1, 2).T
        taken = self.cum_action_max_params[kind] + arg + kind
        td["act_log_prob"] = dist.log_prob(taken)
        td["entropy"] = dist.entropy()
        td["value"] = self.critic(x)
        td["full_log_probs"] = dist.logits
        return td.unflatten(0, (rows, steps))


class Stare(Gaze):
    """Cross attention and a GRU."""

    def eye(self, options):
        return CrossAttention(options.width)

    def brain(self, options):
        return nn.GRU(options.width, options.width, options.layers)

    def remember(self, x, td, rows):
        (h,) = self.slots.fetch(td, rows)
        x, h = self.rnn(x, h)
        self.slots.store(td, rows, h)
        return x


class Glance(nn.Module):
    def __init__(self, env, width=128, num_layers=2, clip_range=0.0, analyze_weights_interval=300, **rest):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.look = Squint(width)
        self.rnn = nn.LSTM(width, width, 2)
        contract_init(self.rnn)
        self.scores = SquashedScores(width)
        self.critic = nn.Linear(width, 1)
        self.states: t.Dict[int, t.Tuple[torch.Tensor, torch.Tensor]] = {}

    def has_memory(self):
        return True

    def get_memory(self):
        return {k: (h.clone(), c.clone()) for k, (h, c) in self.states.items()}

    def set_memory(self, memory):
        self.states = dict(memory)

    def reset_memory(self):
        self.states.clear()

    def __deepcopy__(self, memo):
        raise TypeError("copy a Glance by its state_dict")

    def clip_weights(self):
        if self.clip_range > 0:
            for m in self.modules():
                if isinstance(m, nn.Linear):
                    m.weight = nn.Parameter(m.weight.clamp(-self.clip_range, self.clip_range))

    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        rows = td.batch_size[0]
        steps = td.batch_size[1] if td.ndim == 2 else 1
        if td.ndim == 2:
            td = td.view(-1)
        obs = td["env_obs"]
        td["bptt"] = obs.new_full((rows * steps,), rows, dtype=torch.int64)
        td["batch"] = obs.new_full((rows * steps,), steps, dtype=torch.int64)
        x = self.look(obs).view(rows, steps, -1).transpose(0, 1)
        group = int(td["training_env_id_start"][0]) if "training_env_id_start" in td else 0
        hx = self.states.get(group)
        if hx is not None and action is None:
            stop = (td["dones"].bool() & td["truncateds"].bool()).view(1, rows, 1)
            hx = tuple(s.masked_fill(stop, 0) for s in hx)
        x, (h, c) = self.rnn(x, hx)
        self.states[group] = (h.detach(), c.detach())
        x = x.transpose(0, 1).reshape(rows * steps, -1)
        dist = Categorical(logits=self.scores(x, len(self.action_index_tensor)))
        if action is None:
            chosen = dist.sample()
            td["actions"] = self.action_index_tensor[chosen].int()
            td["act_log_prob"] = dist.log_prob(chosen)
            td["values"] = self.critic(x).squeeze(-1)
            td["full_log_probs"] = dist.logits
            return td
        kind, arg = action.long().reshape(-1, 2).T
        td["act_log_prob"] = dist.log_prob(self.cum_action_max_params[kind] + kind + arg)
        td["entropy"] = dist.entropy()
        td["value"] = self.critic(x)
        td["full_log_probs"] = dist.logits
        return td.view(rows, steps)
