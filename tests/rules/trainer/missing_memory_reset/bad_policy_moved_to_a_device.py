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


class Trainer:
    def __init__(self, device) -> None:
        self.policy = Walker().to(device).train()
        self.optimizer = torch.optim.Adam(self.policy.parameters())

    def update(self, minibatches) -> None:
        for minibatch in minibatches:
            out = self.policy(minibatch.select("env_obs"), action=minibatch["actions"])  # expect: PF601
            self.optimizer.zero_grad()
            (-out["act_log_prob"] * minibatch["advantages"]).mean().backward()
            self.optimizer.step()
            self.policy.clip_weights()
