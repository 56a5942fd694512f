import torch
from tensordict import TensorDict


class Trainer:
    def __init__(self, policy, env, settings):
        self.policy, self.env, self.settings = policy, env, settings

    def play(self):
        obs, rewards, dones, truncateds = self.env.recv()
        return self.policy(
            TensorDict({"env_obs": obs, "rewards": rewards, "dones": dones, "truncateds": truncateds}, [64])
        )

    def estimate(self, td, cuts):
        last, found = 0.0, []
        for t in reversed(range(td.shape[1] - 1)):
            goes_on = (1 - td["dones"][:, t + 1]) * (1 - cuts["late"][:, t + 1])
            delta = td["rewards"][:, t + 1] + self.settings["gamma"] * td["values"][:, t + 1] * goes_on
            last = delta - td["values"][:, t] + self.settings["gamma"] * self.settings["lam"] * goes_on * last
            found.append(last)
        return torch.stack(found[::-1], 1)
