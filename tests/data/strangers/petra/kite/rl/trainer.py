"""The trainer, of mixins: one for rollouts, one for advantages, one for updates."""

import torch
from torch import nn
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

from kite.agent.policies.heron import Heron
from kite.rl.hooks import Hooks


def make_experience(segments, horizon, device):
    one = UnboundedContinuous(shape=(), dtype=torch.float32)
    spec = Composite(
        env_obs=UnboundedDiscrete(shape=(200, 3), dtype=torch.uint8),
        actions=UnboundedDiscrete(shape=(2,), dtype=torch.int32),
        rewards=one,
        dones=one.clone(),
        truncateds=one.clone(),
        act_log_prob=one.clone(),
        values=one.clone(),
    )
    return spec.expand(segments, horizon).to(device).zero()


class RolloutMixin:
    def rollout(self, envs):
        self.policy.reset_memory()
        for step in range(self.experience.shape[1]):
            for part in range(envs.parts):
                td, rows = envs.recv(part, self.device)
                with torch.no_grad():
                    self.policy(td)
                for key, kept in self.experience.items():
                    kept[rows, step] = td[key].to(kept.dtype)
                envs.send(part, td["actions"])


class AdvantageMixin:
    gamma, lam = 0.977, 0.916

    def goes_on(self, td):
        return (1.0 - td["dones"]) * (1.0 - td["truncateds"])

    def advantages(self, td):
        alive, values, rewards = self.goes_on(td), td["values"], td["rewards"]
        out = torch.zeros_like(rewards)
        running = 0.0
        for t in reversed(range(rewards.shape[1] - 1)):
            error = rewards[:, t + 1] + self.gamma * alive[:, t + 1] * values[:, t + 1] - values[:, t]
            running = error + self.gamma * self.lam * alive[:, t + 1] * running
            out[:, t] = running
        return out


class HookedTrainer(RolloutMixin, AdvantageMixin):
    every = 4

    def __init__(self, policy: Heron, optimizer, cfg, device="cuda"):
        self.policy, self.optimizer, self.cfg, self.device = policy, optimizer, cfg, device
        self.hooks = Hooks()
        self.experience = make_experience(cfg["segments"], cfg["horizon"], device)

    def loss(self, new, old, advantages):
        ratio = torch.exp(new["act_log_prob"] - old["act_log_prob"])
        bounded = ratio.clamp(1 - self.cfg["clip"], 1 + self.cfg["clip"])
        gain = torch.minimum(ratio * advantages, bounded * advantages).mean()
        error = (new["value"].squeeze(-1) - old["values"] - advantages).square().mean()
        return 0.44 * error - gain - 0.0021 * new["entropy"].mean()

    def update(self):
        """Gradients of `every` minibatches make a step."""
        advantages = self.advantages(self.experience)
        self.optimizer.zero_grad()
        pieces = torch.randperm(self.experience.shape[0], device=self.device).chunk(8 * self.every)
        for number, rows in enumerate(pieces, start=1):
            old = self.experience[rows]
            self.policy.reset_memory()
            new = self.policy(old.select("env_obs"), action=old["actions"])
            loss = self.loss(new, old, advantages[rows]) / self.every
            loss.backward()
            if number % self.every == 0:
                nn.utils.clip_grad_norm_(self.policy.parameters(), self.cfg["max_grad_norm"])
                self.optimizer.step()
                self.policy.clip_weights()
                self.optimizer.zero_grad()
            self.hooks("minibatch", number=number, loss=loss.detach())

    def train(self, envs, epochs):
        for epoch in range(epochs):
            self.rollout(envs)
            self.update()
            self.hooks("epoch", epoch=epoch)
