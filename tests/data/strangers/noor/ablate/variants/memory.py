"""Ablations of the memory."""

import torch.nn as nn

from ..agent import GridMemoryAgent


class StickyAgent(GridMemoryAgent):
    """One state for everybody, as the old code had it."""

    WEIGHT_BOUND = 0.5

    def __init__(self, env, hidden_size=128, residual=True, **options):
        super().__init__(env, hidden_size=hidden_size, **options)
        self.carry = None
        self.highest = 0.0

    def remember(self, flat, sequence, rollout):
        if rollout and self.carry is not None:
            alive = (1.0 - flat["dones"].float()).view(1, -1, 1)
            h, c = self.carry
            self.carry = (h * alive, c * alive)
        out, self.carry = self.core(sequence, self.carry)
        return out

    def decode(self, hidden):
        logits, value = super().decode(hidden)
        self.highest = max(self.highest, float(value.abs().amax()))
        return logits, value

    def get_memory(self):
        return None if self.carry is None else tuple(part.clone() for part in self.carry)

    def set_memory(self, memory):
        self.carry = memory

    def reset_memory(self):
        self.carry = None

    def __getstate__(self):
        return {**super().__getstate__(), "carry": None}

    def clip_weights(self):
        for module in self.modules():
            if isinstance(module, nn.Linear):
                module.weight.data.clamp_(-self.WEIGHT_BOUND, self.WEIGHT_BOUND)
