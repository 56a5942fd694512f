import torch
from tensordict import TensorDict


class Trainer:
    def __init__(self, policy, env, buffer):
        self.policy = policy
        self.env = env
        self.buffer = buffer
        self.optimizer = torch.optim.Adam(policy.parameters())

    def train(self, epochs):
        for _ in range(epochs):
            self.rollout()
            self.update()

    def rollout(self):
        self.policy.reset_memory()
        while not self.buffer.full:
            td = TensorDict({"env_obs": self.env.observation()}, batch_size=[8])
            td.set("training_env_id_start", self.env.group())
            td["rewards"], td["dones"], td["truncateds"] = self.env.feedback()
            with torch.no_grad():
                self.policy(td)
            self.buffer.store(td)

    def update(self):
        ratio = torch.ones_like(self.buffer["values"])
        advantages = torch.zeros_like(self.buffer["values"])
        torch.ops.pufferlib.compute_puff_advantage(  # expect: PF606
            self.buffer["values"], self.buffer["rewards"], self.buffer["dones"], ratio, advantages, 0.99, 0.95, 1.0, 1.0
        )
        for minibatch in self.buffer.minibatches(advantages):
            self.policy.reset_memory()
            out = self.policy(minibatch, action=minibatch["actions"])
            loss = -out["act_log_prob"].mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.policy.clip_weights()
