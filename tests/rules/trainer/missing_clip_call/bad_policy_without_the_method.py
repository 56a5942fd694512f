import torch
from tensordict import TensorDict
from torch import nn


class Walker(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(600, 8)

    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        log_probs = self.body(td["env_obs"].flatten(1).float()).log_softmax(-1)
        if action is None:
            action = log_probs.exp().multinomial(1)
            td["actions"], td["values"] = action, log_probs.mean(-1)
        td["act_log_prob"] = log_probs.gather(-1, action)
        td["full_log_probs"] = log_probs
        return td


def update(minibatches) -> None:
    policy = Walker()
    optimizer = torch.optim.Adam(policy.parameters())
    for minibatch in minibatches:
        out = policy(minibatch.select("env_obs"), action=minibatch["actions"])
        optimizer.zero_grad()
        (-out["act_log_prob"] * minibatch["advantages"]).mean().backward()
        optimizer.step()  # expect: PF602
