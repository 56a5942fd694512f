"""Lattice's smaller sister, for runs on a laptop: a perceptron over the box and one LSTM layer."""

import torch
import torch.nn.functional as F
from torch import nn

from .. import fn
from ..shapes import Carry, box_of


def levelled(box):
    """Values between 0 and 1."""
    return box / (box.amax() + 1e-6)


class Braid(nn.Module):
    def __init__(self, env, hidden=96, slots=4096, **options):
        super().__init__()
        self.clip_range = options.get("clip_range", 0.0)
        self.analyze_weights_interval = options.get("analyze_weights_interval", 300)
        self.hidden, self.slots = hidden, slots
        self.box = box_of(env)
        self.first = nn.Linear(self.box.cells, hidden)
        self.core = fn.recurrent_start(nn.LSTM(hidden, hidden))
        self.ask = nn.Linear(hidden, 16)
        self.worth = nn.Linear(hidden, 1)
        self.names = fn.small_orthogonal(nn.Embedding(128, 16))
        self.known = 128
        self.carry = None

    def activate_action_embeddings(self, full_action_names, device):
        self.known = len(full_action_names)

    def look(self, raw):
        box = levelled(fn.paint(fn.read_tokens(raw), self.box))
        return F.relu(self.first(box.flatten(1)))

    def step_once(self, td, seen):
        start = td["training_env_id_start"].view(-1)
        rows = start + torch.arange(start.shape[0])
        if self.carry is None:
            zeros = seen.new_zeros(self.slots, self.hidden)
            self.carry = Carry(zeros, zeros)
        ended = (td["dones"] + td["truncateds"]).view(-1) > 0
        old = fn.recall(self.carry, rows, ended)
        out, (h, c) = self.core(seen[None], (old.h[None], old.c[None]))
        self.carry = fn.keep(self.carry, rows, Carry(h[0], c[0]))
        return out[0]

    def judge(self, logits, actions):
        kind, argument = actions.long().unbind(-1)
        log_probs = F.log_softmax(logits, dim=-1)
        index = self.cum_action_max_params[kind] + argument
        return log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1), log_probs

    def forward(self, td, state=None, action=None):
        rows, steps = td.batch_size if action is not None else (td.batch_size[0], 1)
        flat = td.reshape(rows * steps) if action is not None else td
        device = flat["env_obs"].device
        flat["bptt"] = torch.full((rows * steps,), rows, dtype=torch.long, device=device)
        flat["batch"] = torch.full((rows * steps,), steps, dtype=torch.long, device=device)
        seen = self.look(flat["env_obs"])
        if action is None:
            hidden = self.step_once(flat, seen)
        else:
            hidden = self.core(seen.view(rows, steps, -1).transpose(0, 1))[0].transpose(0, 1).flatten(0, 1)
        logits = torch.tanh(self.ask(hidden)) @ self.names.weight[: self.known].mT
        flat["value"] = self.worth(hidden)
        if action is None:
            choice = fn.sample(logits, self.action_index_tensor)
            flat["actions"], flat["act_log_prob"] = choice.actions, choice.log_prob
            flat["full_log_probs"] = choice.log_probs
            return flat
        flat["act_log_prob"], flat["full_log_probs"] = self.judge(logits, action.reshape(rows * steps, 2))
        return flat.reshape(rows, steps)

    def has_memory(self):
        return True

    def get_memory(self):
        return self.carry

    def set_memory(self, carry):
        self.carry = carry

    def reset_memory(self):
        self.carry = None

    def clip_weights(self):
        if self.clip_range > 0:
            for layer in (self.first, self.ask, self.worth):
                layer.weight = nn.Parameter(fn.clamped(layer.weight, self.clip_range))
