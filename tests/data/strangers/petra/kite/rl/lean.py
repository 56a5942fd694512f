"""The same without hooks, for one machine."""

import torch
from torch import nn

from kite.agent.policies.heron import Heron
from kite.rl.trainer import AdvantageMixin, RolloutMixin, make_experience


class LeanTrainer(RolloutMixin, AdvantageMixin):
    def __init__(self, policy: Heron, lr=4.573e-4, segments=64, horizon=64, device="cpu"):
        self.policy = policy
        self.optimizer = torch.optim.Adam(policy.parameters(), lr=lr)
        self.device = device
        self.experience = make_experience(segments, horizon, device)

    def refresh(self, rows, new):
        """Later minibatches see the values of now."""
        self.experience[rows].update_({"values": new["value"].detach().squeeze(-1)})

    def update(self):
        advantages = self.advantages(self.experience)
        for rows in torch.randperm(self.experience.shape[0], device=self.device).split(8):
            self.policy.reset_memory()
            old = self.experience[rows]
            new = self.policy(old.select("env_obs"), action=old["actions"])
            ratio = torch.exp(new["act_log_prob"] - old["act_log_prob"])
            error = new["value"].squeeze(-1) - old["values"] - advantages[rows]
            loss = 0.44 * error.square().mean() - (ratio * advantages[rows]).mean()
            loss.backward()
            self.optimizer.zero_grad()
            nn.utils.clip_grad_norm_(self.policy.parameters(), 0.5)
            self.optimizer.step()
            self.experience["ratio"][rows] = ratio.detach()
            self.refresh(rows, new)

    def train(self, envs, epochs):
        for _ in range(epochs):
            self.rollout(envs)
            self.update()
