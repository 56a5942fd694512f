import torch


class Learner:
    def __init__(self, policy, accumulate):
        self.policy = policy
        self.accumulate = accumulate
        self.optimizer = torch.optim.Adam(policy.parameters())

    def step(self, loss, number):
        self.optimizer.zero_grad()  # expect: PF603
        loss.backward()
        if (number + 1) % self.accumulate == 0:
            self.optimizer.step()
            self.policy.clip_weights()
