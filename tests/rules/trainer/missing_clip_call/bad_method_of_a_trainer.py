import torch


class Trainer:
    def __init__(self, policy, buffer):
        self.policy = policy
        self.buffer = buffer
        self.optimizer = torch.optim.Adam(self.policy.parameters(), lr=3e-4)

    def run(self, epochs):
        for _ in range(epochs):
            for td in self.buffer:
                self.policy.reset_memory()
                self._optimize(td)

    def _optimize(self, td):
        loss = -self.policy(td, action=td["actions"])["act_log_prob"].mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()  # expect: PF602
