"""Goes over each segment several times and refreshes what it stored about it."""

import torch
from tensordict import TensorDict
from torch.nn.utils import clip_grad_norm_
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

from runa.building import PolicyBuilder
from runa.skeleton import Skeleton


class ReplayTrainer:
    policy: Skeleton

    def __init__(self, env, cfg, horizon=64, minibatch=32, passes=4):
        self.env, self.horizon, self.minibatch, self.passes = env, horizon, minibatch, passes
        self.policy = PolicyBuilder(env).build(cfg)
        self.optimizer = torch.optim.Adam(self.policy.parameters(), lr=3e-4)
        number = UnboundedContinuous(shape=(), dtype=torch.float32)
        spec = Composite(
            **self.policy.get_agent_experience_spec(),
            rewards=number,
            dones=number,
            truncateds=number,
            act_log_prob=number,
            values=number,
            actions=UnboundedDiscrete(shape=(2,), dtype=torch.int32),
        )
        self.buffer = spec.expand(env.num_agents, horizon).zero()

    @torch.no_grad()
    def collect(self):
        self.policy.reset_memory()
        keys = ("env_obs", "rewards", "dones", "truncateds", "actions", "act_log_prob", "values")
        for step in range(self.horizon):
            td = self.env.recv()
            self.policy(td)
            self.buffer[:, step] = td.select(*keys)
            self.env.send(td["actions"])

    def advantages(self, gamma=0.98, lam=0.92):
        over = torch.maximum(self.buffer["dones"], self.buffer["truncateds"])
        rewards, values = self.buffer["rewards"], self.buffer["values"]
        result, carry = torch.zeros_like(rewards), 0
        for t in reversed(range(self.horizon - 1)):
            on = 1 - over[:, t + 1]
            carry = rewards[:, t + 1] + gamma * on * values[:, t + 1] - values[:, t] + gamma * lam * on * carry
            result[:, t] = carry
        return result

    def update(self):
        for _ in range(self.passes):
            advantage = self.advantages()
            for rows in torch.randperm(self.env.num_agents).split(self.minibatch):
                old = self.buffer[rows]
                self.policy.reset_memory()
                out = self.policy(old.select("env_obs", "dones", "truncateds"), action=old["actions"])
                ratio = torch.exp(out["act_log_prob"] - old["act_log_prob"])
                actor = -torch.minimum(advantage[rows] * ratio, advantage[rows] * ratio.clamp(0.9, 1.1)).mean()
                critic = (out["value"] - old["values"] - advantage[rows]).pow(2).mean()
                self.optimizer.zero_grad()
                (actor + 0.25 * critic - 0.002 * out["entropy"].mean()).backward()
                self.optimizer.step()
                clip_grad_norm_(self.policy.parameters(), 0.5)
                self.policy.clip_weights()
                self.refresh(rows, out, ratio)

    def refresh(self, rows: torch.Tensor, out: TensorDict, ratio: torch.Tensor):
        fresh = TensorDict({"values": out["value"].detach()}, batch_size=out.batch_size)
        self.buffer[rows].update_(fresh)
        self.buffer["ratio"][rows] = ratio.detach()
