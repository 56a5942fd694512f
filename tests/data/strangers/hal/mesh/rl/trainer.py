"""The loop, in phases; memory and clipping are hooks."""

import torch
from torch.nn.utils import clip_grad_norm_

from ..agent import MeshAgent
from .experience import Experience
from .hooks import ClipHook, Hook, MemoryHook


class Trainer:
    def __init__(self, cfg, env, device, hooks: tuple[Hook, ...] = ()):
        self.cfg, self.env = cfg, env
        self.agent = MeshAgent(env, cfg.agent).activate(env, device)
        self.optimizer = torch.optim.Adam(self.agent.parameters(), lr=cfg.lr)
        self.experience = Experience(self.agent, env.num_envs, cfg.horizon, device)
        self.hooks = [MemoryHook(), ClipHook(), *hooks]
        self.epoch = 0

    def call(self, moment):
        for hook in self.hooks:
            getattr(hook, moment)(self)

    @torch.no_grad()
    def rollout(self):
        self.call("before_rollout")
        self.experience.rewind()
        while not self.experience.full:
            td, which = self.env.receive()
            self.agent(td)
            self.experience.store(td, which)
            self.env.send(td["actions"])

    def advantages(self):
        buffer, cfg = self.experience.buffer, self.cfg
        values, rewards = buffer["values"], buffer["rewards"]
        stop = torch.logical_or(buffer["dones"] > 0, buffer["truncateds"] > 0)
        out, carry = torch.zeros_like(values), 0.0
        for t in reversed(range(values.shape[1] - 1)):
            go = (~stop[:, t + 1]).float()
            delta = rewards[:, t + 1] + cfg.gamma * values[:, t + 1] * go - values[:, t]
            carry = delta + cfg.gamma * cfg.lam * go * carry
            out[:, t] = carry
        return out

    def loss(self, out, batch, adv):
        ratio = torch.exp(out["act_log_prob"] - batch["act_log_prob"])
        clipped = ratio.clamp(1 - self.cfg.clip, 1 + self.cfg.clip)
        policy = -torch.minimum(ratio * adv, clipped * adv).mean()
        returns = batch["values"] + adv
        value = (out["value"].view(returns.shape) - returns).pow(2).mean()
        return policy + self.cfg.vf * value - self.cfg.ent * out["entropy"].mean()

    def learn(self):
        adv = self.advantages()
        weights = adv.abs().sum(dim=1) + 1e-6
        for _ in range(self.cfg.minibatches):
            picked, batch = self.experience.sample(weights, self.cfg.segments)
            self.call("before_minibatch")
            out = self.agent(batch.select(*self.experience.agent_keys), action=batch["actions"])
            loss = self.loss(out, batch, adv[picked])
            self.optimizer.zero_grad()
            loss.backward()
            clip_grad_norm_(self.agent.parameters(), self.cfg.max_grad_norm)
            self.optimizer.step()
            self.call("after_step")
            values = out["value"].detach().view_as(batch["values"])
            self.experience.refresh(picked, values, values + adv[picked])

    def run(self, epochs):
        for self.epoch in range(epochs):
            self.rollout()
            self.learn()
            self.call("after_epoch")
