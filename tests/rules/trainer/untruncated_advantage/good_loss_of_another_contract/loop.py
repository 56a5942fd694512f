import torch
from tensordict import TensorDict


class Loop:
    def __init__(self, policy, env, loss, optimizer):
        self.policy = policy
        self.env = env
        self.loss = loss
        self.optimizer = optimizer

    def rollout(self, buffer):
        while not buffer.full:
            o, r, d, t = self.env.recv()
            td = TensorDict({"pixels": o, "rewards": r}, batch_size=[len(r)])
            td["dones"] = d.float()
            td["truncateds"] = t.float()
            self.loss.rollout(td, buffer)

    def update(self, buffer):
        for number in range(4):
            self.optimizer.zero_grad()
            self.loss.train(buffer, number).backward()
            self.optimizer.step()
