class BaseTrainer:
    def __init__(self, policy, optimizer):
        self.policy = policy
        self.optimizer = optimizer

    def train(self, batches):
        for td in batches:
            self.policy.reset_memory()
            self.update(td)
            self.policy.clip_weights()
