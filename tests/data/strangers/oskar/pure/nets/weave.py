"""Tokens as a set: attention of one learnt question over them, then a GRU. Stateless but for its carry."""

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import nn

from .. import fn
from ..shapes import Options


def harmonics(position, frequencies):
    angles = (position.float() / 7.5 - 1.0).unsqueeze(-1) * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def attend(question, keys, values, absent):
    """Softmax over the tokens that are there; even weights where none is."""
    scores = (keys @ question) * question.shape[-1] ** -0.5
    lowest = torch.finfo(scores.dtype).min
    weights = scores.masked_fill(absent, lowest).softmax(dim=-1)
    return torch.einsum("nm,nmd->nd", weights, values)


class Weave(nn.Module):
    def __init__(self, env, **options):
        super().__init__()
        self.options = Options(**options)
        self.clip_range = self.options.clip_range
        width = self.options.hidden
        self.register_buffer("frequencies", 2.0 ** torch.arange(6))
        norms = torch.ones(256)
        for feature, norm in env.feature_normalizations.items():
            norms[feature] = norm
        self.register_buffer("norms", norms)
        self.kinds = nn.Embedding(256, 12, padding_idx=255)
        nn.init.trunc_normal_(self.kinds.weight, std=0.02)
        self.kinds.weight.data[255] = 0.0
        self.question = nn.Parameter(torch.randn(32) * 0.02)
        self.keys = nn.Linear(37, 32, bias=False)
        self.values = nn.Linear(37, width, bias=False)
        self.core = fn.recurrent_start(nn.GRU(width, width, num_layers=2, batch_first=True))
        self.head = nn.Linear(width, sum(most + 1 for most in env.max_action_args))
        self.worth = nn.Linear(width, 1)
        nn.init.orthogonal_(self.head.weight, 0.01)
        self.bank = None

    def look(self, raw):
        tokens = fn.read_tokens(raw)
        parts = [
            self.kinds(tokens.attribute),
            harmonics(tokens.x, self.frequencies),
            harmonics(tokens.y, self.frequencies),
            (tokens.value / self.norms[tokens.attribute]).unsqueeze(-1),
        ]
        seen = torch.cat(parts, dim=-1)
        return F.silu(attend(self.question, self.keys(seen), self.values(seen), ~tokens.present))

    @staticmethod
    def fresh(ended):
        return (~ended).float().view(1, -1, 1)

    def step_once(self, td, seen):
        if self.bank is None:
            self.bank = seen.new_zeros(2, self.options.slots, self.options.hidden)
        rows = fn.rows_of(td["training_env_id_start"].view(-1))
        ended = torch.logical_or(td["dones"], td["truncateds"])
        out, new = self.core(seen.unsqueeze(1), self.bank[:, rows] * self.fresh(ended))
        self.bank[:, rows] = new.detach()
        return out.squeeze(1)

    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        shape = td.batch_size
        rows, steps = shape if len(shape) == 2 else (shape[0], 1)
        flat = td.view(-1) if len(shape) == 2 else td
        for name, stamp in fn.stamps(rows, steps, flat["env_obs"].device).items():
            flat.set(name, stamp)
        seen = self.look(flat["env_obs"])
        if action is None:
            hidden = self.step_once(flat, seen)
        else:
            hidden = self.core(seen.unflatten(0, (rows, steps)))[0].flatten(0, 1)
        logits, value = self.head(hidden), self.worth(hidden)
        if action is None:
            choice = fn.sample(logits, self.action_index_tensor)
            flat.set("actions", choice.actions)
            flat.set("values", value.flatten())
        else:
            choice = fn.judge(logits, action.reshape(rows * steps, 2), self.cum_action_max_params)
            flat.set("entropy", fn.entropy(choice.log_probs))
            flat.set("value", value)
        flat.set("act_log_prob", choice.log_prob)
        flat.set("full_log_probs", choice.log_probs)
        return flat.view(rows, steps) if len(shape) == 2 else flat

    def has_memory(self):
        return True

    def get_memory(self):
        return self.bank.clone() if self.bank is not None else None

    def set_memory(self, bank):
        self.bank = bank.clone() if bank is not None else None

    def reset_memory(self):
        self.bank = None

    def __getstate__(self):
        return {key: None if key == "bank" else value for key, value in super().__getstate__().items()}

    def clip_weights(self):
        bound = self.clip_range
        with torch.no_grad():
            for layer in filter(lambda module: isinstance(module, nn.Linear), self.modules()):
                if bound > 0:
                    layer.weight.copy_(fn.clamped(layer.weight, bound))
