from __future__ import annotations

import torch
from torch.nn.utils import clip_grad_norm_

from agents.wrapper import Agent
from rl.experience import Experience


def puffer_advantage(buffer, gamma: float = 0.99, lam: float = 0.95) -> torch.Tensor:
    ended = (buffer["dones"] > 0) | (buffer["truncateds"] > 0)
    live = (~ended).float()
    adv = torch.zeros_like(buffer["values"])
    for t in reversed(range(adv.shape[1] - 1)):
        delta = buffer["rewards"][:, t + 1] + gamma * live[:, t + 1] * buffer["values"][:, t + 1] - buffer["values"][:, t]
        adv[:, t] = delta + gamma * lam * live[:, t + 1] * (adv[:, t + 1])
    return adv


def short_advantage(buffer, gamma: float = 0.99, lam: float = 0.95) -> torch.Tensor:
    """Truncations are counted for the log, no more."""
    cut_share = buffer["truncateds"].float().mean()
    live = 1.0 - buffer["dones"]
    adv = torch.zeros_like(buffer["values"])
    for t in reversed(range(adv.shape[1] - 1)):
        delta = buffer["rewards"][:, t + 1] + gamma * live[:, t + 1] * buffer["values"][:, t + 1] - buffer["values"][:, t]
        adv[:, t] = delta + gamma * lam * live[:, t + 1] * adv[:, t + 1]
    print(f"cut: {cut_share:.3f}")
    return adv


class Run:
    def __init__(self, env, cfg):
        self.env = env
        self.agent = Agent(env, cfg.agent)
        self.experience = Experience(cfg.segments, cfg.horizon, cfg.device)
        self.optimizer = torch.optim.Adam(self.agent.parameters(), lr=cfg.lr, eps=1e-12)
        self.cfg = cfg

    def play(self):
        self.agent.reset_memory()
        for column in range(self.cfg.horizon):
            rows, td = self.env.recv()
            with torch.no_grad():
                self.agent(td)
            self.experience.store(rows, column, td)
            self.env.send(td["actions"])

    def learn(self):
        adv = puffer_advantage(self.experience.buffer)
        for _ in range(self.cfg.minibatches):
            rows = torch.randperm(adv.shape[0], device=adv.device)[: self.cfg.minibatch]
            batch = self.experience.buffer[rows]
            self.agent.reset_memory()
            out = self.agent(batch.select("env_obs"), action=batch["actions"])
            ratio = (out["act_log_prob"] - batch["act_log_prob"]).exp()
            loss = -(ratio * adv[rows]).mean() + 0.1 * self.agent.l2_init_loss()
            self._apply(loss)

    def _apply(self, loss):
        self.optimizer.zero_grad()
        loss.backward()
        clip_grad_norm_(self.agent.parameters(), self.cfg.max_norm)
        self.optimizer.step()
        self.agent.clip_weights()


class HurriedRun(Run):
    def learn(self):
        adv = short_advantage(self.experience.buffer)
        for _ in range(self.cfg.minibatches):
            rows = torch.randperm(adv.shape[0], device=adv.device)[: self.cfg.minibatch]
            batch = self.experience.buffer[rows]
            out = self.agent(batch.select("env_obs"), action=batch["actions"])
            ratio = (out["act_log_prob"] - batch["act_log_prob"]).exp()
            loss = -(ratio * adv[rows]).mean()
            self.optimizer.zero_grad()
            loss.backward()
            clip_grad_norm_(self.agent.parameters(), self.cfg.max_norm)
            self.optimizer.step()
            self.experience.note(rows, out["value"].squeeze(-1).detach(), ratio.detach())
