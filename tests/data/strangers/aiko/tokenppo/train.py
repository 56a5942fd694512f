"""PPO on tokens, truncation-aware. `python -m tokenppo.train`"""

import torch
from tensordict import TensorDict

from .agent import Agent


def gae(td: TensorDict, gamma: float, lam: float) -> torch.Tensor:
    """[B, T]; flags at t say that an episode ended just before t."""
    rewards, values = td["rewards"], td["values"]
    cut = torch.logical_or(td["dones"].bool(), td["truncateds"].bool())
    advantages, running = torch.zeros_like(rewards), 0.0
    for t in range(rewards.shape[1] - 2, -1, -1):
        nonterminal = 1.0 - cut[:, t + 1].float()
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * nonterminal - values[:, t]
        running = delta + gamma * lam * nonterminal * running
        advantages[:, t] = running
    return advantages


class PPO:
    def __init__(self, agent: Agent, envs, lr=4.6e-4, gamma=0.977, lam=0.916, clip=0.1, minibatches=8):
        self.agent, self.envs = agent, envs
        self.optimizer = torch.optim.Adam(agent.parameters(), lr=lr, eps=1e-12)
        self.gamma, self.lam, self.clip, self.minibatches = gamma, lam, clip, minibatches

    @torch.no_grad()
    def rollout(self, horizon: int) -> TensorDict:
        self.agent.reset_memory()
        steps = []
        for _ in range(horizon):
            td = self.envs.recv()
            td = self.agent(td)
            self.envs.send(td["actions"])
            steps.append(td)
        return torch.stack(steps, dim=1)

    def loss(self, batch: TensorDict, advantages: torch.Tensor):
        out = self.agent(batch.select("env_obs", "dones", "truncateds"), action=batch["actions"])
        ratio = (out["act_log_prob"] - batch["act_log_prob"]).exp()
        adv = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        pg = torch.max(-adv * ratio, -adv * ratio.clamp(1 - self.clip, 1 + self.clip)).mean()
        returns = advantages + batch["values"]
        v = 0.5 * (out["value"].view_as(returns) - returns).square().mean()
        return pg + 0.44 * v - 0.0021 * out["entropy"].mean()

    def update(self, data: TensorDict):
        advantages = gae(data, self.gamma, self.lam)
        for rows in torch.randperm(data.shape[0]).chunk(self.minibatches):
            self.agent.reset_memory()
            loss = self.loss(data[rows], advantages[rows])
            self.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.agent.parameters(), 0.5)
            self.optimizer.step()
            self.agent.clip_weights()

    def learn(self, iterations: int, horizon: int = 64):
        for _ in range(iterations):
            self.update(self.rollout(horizon))
