"""Linden without the bookkeeping, for ablations of memory."""

from __future__ import annotations

import torch
from torch import nn

from .linden import Linden
from .parts import stamp


class Birch(Linden):
    def __init__(self, env, *args, analyze_weights_interval: int = 300, **options):
        super().__init__(env, *args, clip_range=options.pop("clip_range", 0.0))
        self.options = options
        self.lookup = torch.arange(256) / 255.0
        for p in self.gru.parameters():
            if p.dim() > 1:
                nn.init.xavier_uniform_(p)

    def clip_weights(self):
        if self.clip_range > 0:
            for module in self.modules():
                if isinstance(module, nn.Linear):
                    module.weight = nn.Parameter(module.weight.clamp(-self.clip_range, self.clip_range))

    def forward(self, td, state=None, action=None):
        if action is None:
            return self.play(td)
        return super().forward(td, state, action)

    def play(self, td):
        obs = td["env_obs"]
        rows = obs.shape[0]
        stamp(td, steps=1, rows=rows)
        x = self.see(obs) * self.lookup[obs[:, 0, 2].long()].unsqueeze(-1)
        h = torch.zeros(self.gru.num_layers, rows, self.gru.hidden_size)
        y, _ = self.gru(x.unsqueeze(0), h)
        y = y.squeeze(0)
        log_probs = self.scores(y)
        uniform = torch.randint(0, log_probs.shape[-1], (rows, 1), device=obs.device)
        td["actions"] = self.action_index_tensor[uniform[:, 0]].int()
        td["act_log_prob"] = log_probs.gather(1, uniform)[:, 0]
        td["values"] = self.value(y)[:, 0]
        td["full_log_probs"] = log_probs
        if float(log_probs.max()) > -1e-3:
            self.saturated = True
        return td
