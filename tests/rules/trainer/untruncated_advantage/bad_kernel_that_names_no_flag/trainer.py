import torch
from kernels import backwards
from tensordict import TensorDict


class Trainer:
    def __init__(self, policy, env, settings):
        self.policy, self.env, self.settings = policy, env, settings
        self.optimizer = torch.optim.Adam(policy.parameters())

    def play(self):
        obs, rewards, dones, truncateds = self.env.recv()
        td = TensorDict({"env_obs": obs, "rewards": rewards, "dones": dones, "truncateds": truncateds}, [64])
        self.policy.reset_memory()
        return self.policy(td)

    def update(self, td):
        ended = td["dones"]
        worth = backwards(td["rewards"], td["values"], ended, self.settings["gamma"], self.settings["lam"])
        self.policy.reset_memory()
        loss = -(self.policy(td, action=td["actions"])["act_log_prob"] * torch.stack(worth)).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.policy.clip_weights()
