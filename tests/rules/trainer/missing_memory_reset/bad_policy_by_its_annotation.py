import torch
from tensordict import TensorDict
from torch import nn


class Walker(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.core = nn.GRU(8, 8)
        self.state = None

    def reset_memory(self) -> None:
        self.state = None

    def clip_weights(self) -> None: ...

    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        out, hidden = self.core(td["env_obs"].float(), self.state)
        self.state = hidden.detach()
        td["act_log_prob"] = out.log_softmax(-1).gather(-1, action)
        return td


def update(policy: Walker, optimizer, minibatches) -> None:
    for minibatch in minibatches:
        out = policy(minibatch.select("env_obs"), action=minibatch["actions"])  # expect: PF601
        optimizer.zero_grad()
        (-out["act_log_prob"] * minibatch["advantages"]).mean().backward()
        optimizer.step()
        policy.clip_weights()
