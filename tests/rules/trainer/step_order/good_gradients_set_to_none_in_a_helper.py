import torch
from tensordict import TensorDict


class Learner:
    def __init__(self, policy):
        self.policy = policy
        self.optimizer = torch.optim.Adam(policy.parameters())

    def step(self, minibatch: TensorDict) -> None:
        self.policy.reset_memory()
        out = self.policy(minibatch, action=minibatch["actions"])
        loss = -(out["act_log_prob"] * minibatch["advantages"]).mean()
        for parameter in self.policy.parameters():
            parameter.grad = None
        loss.backward()
        self.optimizer.step()
        self.policy.clip_weights()

    def learn(self, minibatches) -> None:
        for minibatch in minibatches:
            self.step(minibatch)
