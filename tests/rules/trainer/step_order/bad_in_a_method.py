import torch


class Trainer:
    def __init__(self, policy, buffer):
        self.policy = policy
        self.buffer = buffer
        self.optimizer = torch.optim.Adam(policy.parameters())

    def train(self):
        for td in self.buffer:
            self.policy.reset_memory()
            self._step(-self.policy(td, action=td["actions"])["act_log_prob"].mean())

    def _step(self, loss):
        loss.backward()
        self.optimizer.zero_grad()  # expect: PF603
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), 1.0)
        self.optimizer.step()
        self.policy.clip_weights()
