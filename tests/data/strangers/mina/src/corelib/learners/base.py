from __future__ import annotations

import abc
from collections.abc import Iterator

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from ..core.bases import RecurrentAgent


class Learner(abc.ABC):
    """Walks over minibatches; subclasses say what the loss is."""

    max_grad_norm: float = 0.5

    def __init__(self, agent: RecurrentAgent, learning_rate: float = 4e-4) -> None:
        self.agent = agent
        self.optimizer = torch.optim.Adam(agent.parameters(), lr=learning_rate)

    @abc.abstractmethod
    def loss(self, output: TensorDict, minibatch: TensorDict) -> Tensor: ...

    def minibatches(self, experience: TensorDict, count: int) -> Iterator[TensorDict]:
        for rows in torch.randperm(experience.shape[0], device=experience.device).tensor_split(count):
            yield experience[rows]

    def step(self, minibatch: TensorDict) -> Tensor:
        self.agent.reset_memory()
        inputs = minibatch.select(*self.agent.get_agent_experience_spec().keys())
        loss = self.loss(self.agent(inputs, action=minibatch["actions"]), minibatch)
        for parameter in self.agent.parameters():
            parameter.grad = None
        loss.backward()
        nn.utils.clip_grad_norm_(self.agent.parameters(), self.max_grad_norm)
        self.optimizer.step()
        self.agent.clip_weights()
        return loss.detach()

    def learn(self, experience: TensorDict, count: int = 8) -> Tensor:
        return torch.stack([self.step(minibatch) for minibatch in self.minibatches(experience, count)])
