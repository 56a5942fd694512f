"""Several members, each with its own seed, that learn one after the other."""

import torch
from torch.nn.utils import clip_grad_norm_

from .policies.nerite import Nerite
from .ppo import tables


def backup(rewards, values, dones, gamma=0.99, lam=0.95):
    """Generalised advantages, backwards over the last dimension."""
    result = torch.zeros_like(rewards)
    trace = torch.zeros_like(rewards[..., 0])
    step = rewards.shape[-1] - 2
    while step >= 0:
        live = 1 - dones[..., step + 1]
        error = rewards[..., step + 1] + gamma * live * values[..., step + 1] - values[..., step]
        trace = error + gamma * lam * live * trace
        result[..., step] = trace
        step -= 1
    return result


class Member:
    def __init__(self, cfg, env, seed, device):
        self.env = env
        torch.manual_seed(seed)
        self.policy = Nerite(cfg["policy"], env).to(device)
        tables(self.policy, env, device)
        self.optimizer = torch.optim.Adam(self.policy.parameters(), lr=cfg["lr"])
        self.cfg = cfg

    def gather(self):
        steps = []
        with torch.no_grad():
            for _ in range(self.cfg["horizon"]):
                td = self.env.observe()
                td["dones"], td["truncateds"] = self.env.flags()
                steps.append(self.policy(td).clone())
                self.env.act(td["actions"])
        return torch.stack(steps, dim=1)

    def learn(self, batch):
        adv = backup(batch["rewards"], batch["values"], batch["dones"])
        for rows in torch.arange(batch.shape[0]).split(self.cfg["rows"]):
            part, weight = batch[rows], adv[rows]
            self.optimizer.zero_grad()
            out = self.policy(part.select("env_obs"), action=part["actions"])
            actor = -(out["act_log_prob"] * weight).mean()
            critic = (out["value"].squeeze(-1) - part["values"] - weight).pow(2).mean()
            (actor + critic).backward()
            clip_grad_norm_(self.policy.parameters(), 0.5)
            self.optimizer.step()

    def generation(self):
        for _ in range(self.cfg["epochs"]):
            self.learn(self.gather())


def evolve(cfg, env, device):
    members = [Member(cfg, env, seed, device) for seed in cfg["seeds"]]
    for member in members:
        member.generation()
    return members
