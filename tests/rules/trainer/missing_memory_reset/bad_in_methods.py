import torch
from tensordict import TensorDict


class Trainer:
    def __init__(self, policy, env, buffer):
        self.policy = policy
        self.env = env
        self.buffer = buffer
        self.optimizer = torch.optim.Adam(policy.parameters())

    def train(self):
        while True:
            self.policy.reset_memory()
            self._rollout()
            self._update()

    def _rollout(self):
        while not self.buffer.full:
            td = TensorDict({"env_obs": self.env.observation()}, batch_size=[8])
            with torch.no_grad():
                self.policy(td)
            self.buffer.store(td)

    def _update(self):
        for minibatch in self.buffer.minibatches():
            loss = self._loss(minibatch)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.policy.clip_weights()

    def _loss(self, minibatch):
        out = self.policy(minibatch.select("env_obs"), action=minibatch["actions"])  # expect: PF601
        return -out["act_log_prob"].mean()
