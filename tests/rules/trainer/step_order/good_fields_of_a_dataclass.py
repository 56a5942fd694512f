from dataclasses import dataclass

import torch
from tensordict import TensorDict
from torch import nn


class Walker(nn.Module):
    def reset_memory(self) -> None: ...

    def clip_weights(self) -> None: ...

    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        td["act_log_prob"] = td["env_obs"].float().mean(-1)
        return td


@dataclass
class Trainer:
    policy: Walker
    optimizer: torch.optim.Optimizer
    max_norm: float = 0.5

    def learn(self, minibatches) -> None:
        for minibatch in minibatches:
            self.policy.reset_memory()
            out = self.policy(minibatch.select("env_obs"), action=minibatch["actions"])
            loss = (-out["act_log_prob"] * minibatch["advantages"]).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.policy.clip_weights()
