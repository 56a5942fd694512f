"""Rows of segments. What the policy asks for, and what the loss needs."""

import torch
from tensordict import TensorDict
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

LOSS_KEYS = ("rewards", "dones", "truncateds", "act_log_prob", "values", "returns")


class Experience:
    def __init__(self, agent, segments, horizon, device):
        one = UnboundedContinuous(shape=(), dtype=torch.float32)
        spec = Composite(
            actions=UnboundedDiscrete(shape=(2,), dtype=torch.int32),
            **{key: one for key in LOSS_KEYS},
            **dict(agent.get_agent_experience_spec().items()),
        )
        self.agent_keys = list(agent.get_agent_experience_spec().keys())
        self.buffer: TensorDict = spec.expand(segments, horizon).to(device).zero()
        self.steps = torch.zeros(segments, dtype=torch.long, device=device)
        self.horizon = horizon

    def store(self, td, which: slice):
        step = int(self.steps[which.start])
        self.buffer[which, step].update_(td.select(*self.buffer.keys(), strict=False))
        self.steps[which] += 1

    @property
    def full(self):
        return bool((self.steps >= self.horizon).all())

    def rewind(self):
        self.steps.zero_()

    def sample(self, weights: torch.Tensor, count: int):
        picked = torch.multinomial(weights, count)
        return picked, self.buffer[picked].clone()

    def note(self, which: slice, ratio: torch.Tensor):
        """How far the policy has moved from the one that acted."""
        self.buffer[which].update({"ratio": ratio})

    def refresh(self, picked: torch.Tensor, values: torch.Tensor, returns: torch.Tensor):
        """The critic has moved since the rollout."""
        self.buffer[picked].update_({"values": values, "returns": returns})
