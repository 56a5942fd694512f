"""A box, two convolutions and an LSTM cell. The module holds weights and one carry; the rest is functions."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import vmap

from .. import fn
from ..shapes import Carry, Options, box_of


class Lattice(nn.Module):
    def __init__(self, env, clip_range=0.0, analyze_weights_interval=300, **options):
        super().__init__()
        # A dataclass refuses what it does not know.
        self.options = Options(
            clip_range=clip_range, analyze_weights_interval=analyze_weights_interval, **options
        )
        width = self.options.hidden
        self.box = box_of(env)
        self.register_buffer("scale", fn.scales(env, self.box), persistent=False)
        self.near = nn.Conv2d(self.box.layers, 32, 3, padding=1)
        self.far = nn.Conv2d(32, 32, 3, padding=1, stride=2)
        self.flat = nn.Linear(32 * ((self.box.width + 1) // 2) * ((self.box.height + 1) // 2), width)
        self.core = fn.recurrent_start(nn.LSTMCell(width, width))
        self.ask = nn.Linear(width, 16)
        self.worth = nn.Linear(width, 1)
        self.names = fn.small_orthogonal(nn.Embedding(128, 16))
        self.known = 128
        self.carry = None

    def activate_action_embeddings(self, full_action_names, device):
        self.known = len(full_action_names)

    def look(self, raw):
        box = fn.paint(fn.read_tokens(raw), self.box) / self.scale
        seen = F.relu(self.far(F.relu(self.near(box))))
        return F.relu(self.flat(seen.flatten(1)))

    def empty(self, rows, like):
        return Carry(*(like.new_zeros(rows, self.options.hidden) for _ in range(2)))

    def step_once(self, td, seen):
        rows = fn.rows_of(td["training_env_id_start"].view(-1))
        carry = self.empty(self.options.slots, seen) if self.carry is None else self.carry
        ended = (td["dones"] + td["truncateds"]).view(-1) > 0
        new = Carry(*self.core(seen, fn.recall(carry, rows, ended)))
        self.carry = fn.keep(carry, rows, new)
        return new.h

    def unroll(self, seen):
        """[B, T, H] through T steps, from nothing."""
        carry, outs = self.empty(seen.shape[0], seen), []
        for now in seen.unbind(1):
            carry = Carry(*self.core(now, carry))
            outs.append(carry.h)
        return torch.stack(outs, dim=1)

    def score(self, hidden):
        table = self.names.weight[: self.known]
        return vmap(lambda query: table @ query)(torch.tanh(self.ask(hidden)))

    def forward(self, td, state=None, action=None):
        if action is None:
            td.update(fn.stamps(td.batch_size[0], 1, td["env_obs"].device))
            hidden = self.step_once(td, self.look(td["env_obs"]))
            choice = fn.sample(self.score(hidden), self.action_index_tensor)
            td.update(
                {
                    "actions": choice.actions,
                    "act_log_prob": choice.log_prob,
                    "values": self.worth(hidden).squeeze(-1),
                    "full_log_probs": choice.log_probs,
                }
            )
            return td
        rows, steps = td.batch_size
        out = td.flatten(0, 1)
        out.update(fn.stamps(rows, steps, out["env_obs"].device))
        hidden = self.unroll(self.look(out["env_obs"]).unflatten(0, (rows, steps))).flatten(0, 1)
        choice = fn.judge(self.score(hidden), action.flatten(0, 1), self.cum_action_max_params)
        out.update(
            {
                "act_log_prob": choice.log_prob,
                "entropy": fn.entropy(choice.log_probs),
                "value": self.worth(hidden),
                "full_log_probs": choice.log_probs,
            }
        )
        return out.unflatten(0, (rows, steps))

    def has_memory(self):
        return True

    # A carry is never written into: each step makes another one, so it may be handed out as it is.
    def get_memory(self):
        return self.carry

    def set_memory(self, carry):
        self.carry = carry

    def reset_memory(self):
        self.carry = None

    def __getstate__(self):
        return self.__dict__ | {"carry": None}

    def clip_weights(self):
        bound = self.options.clip_range
        if bound > 0:
            for layer in (self.near, self.far, self.flat, self.ask, self.worth):
                layer.weight.data = fn.clamped(layer.weight, bound)
