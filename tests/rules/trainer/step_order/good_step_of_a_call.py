import torch


class Learner:
    def __init__(self, policy, accumulate):
        self.policy = policy
        self.accumulate = accumulate
        self.optimizer = torch.optim.Adam(policy.parameters())

    def step(self, loss, number):
        loss.backward()
        if (number + 1) % self.accumulate == 0:
            torch.nn.utils.clip_grad_norm_(self.policy.parameters(), 0.5)
            self.optimizer.step()
            self.policy.clip_weights()
            self.optimizer.zero_grad()

    def take(self, loss):  # whoever calls it may zero the gradients
        loss.backward()
        self.optimizer.step()
        self.policy.clip_weights()
