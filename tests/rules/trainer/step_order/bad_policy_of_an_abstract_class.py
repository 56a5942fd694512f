from abc import ABC, abstractmethod

import torch


class Policy(ABC):
    @abstractmethod
    def forward(self, td, action=None):
        pass


class Loop:
    def __init__(self, policy: Policy, optimizer: torch.optim.Optimizer, accumulate: int):
        self.policy = policy
        self.optimizer = optimizer
        self.accumulate = accumulate

    def train(self, losses):
        for number, loss in enumerate(losses):
            self.optimizer.zero_grad()  # expect: PF603
            loss.backward()
            if (number + 1) % self.accumulate == 0:
                self.optimizer.step()
                if hasattr(self.policy, "clip_weights"):
                    self.policy.clip_weights()
