import torch
from torch.nn.utils import clip_grad_norm_
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

from runa.building import PolicyBuilder
from runa.skeleton import Skeleton


class Trainer:
    GAMMA, LAMBDA, CLIP, MAX_NORM = 0.977, 0.916, 0.1, 0.5
    STORED = ("env_obs", "rewards", "dones", "truncateds", "actions", "act_log_prob", "values")

    policy: Skeleton

    def __init__(self, env, cfg, horizon=64, minibatch=32, device="cpu"):
        self.env, self.horizon, self.minibatch = env, horizon, minibatch
        self.policy = PolicyBuilder(env, device).build(cfg)
        self.optimizer = torch.optim.Adam(self.policy.parameters(), lr=4.573e-4, eps=1e-12)
        self.buffer = self.make_buffer(device)

    def make_buffer(self, device):
        number = {key: UnboundedContinuous(shape=(), dtype=torch.float32) for key in self.STORED[1:] if key != "actions"}
        spec = Composite(
            **self.policy.get_agent_experience_spec(), **number, actions=UnboundedDiscrete(shape=(2,), dtype=torch.int32)
        )
        return spec.expand(self.env.num_agents, self.horizon).to(device).zero()

    def run(self, epochs):
        for _ in range(epochs):
            self.collect()
            self.update()

    @torch.no_grad()
    def collect(self):
        self.policy.reset_memory()
        for step in range(self.horizon):
            td = self.env.recv()
            self.policy(td)
            self.buffer[:, step] = td.select(*self.STORED)
            self.env.send(td["actions"])

    def advantages(self, segment):
        result = torch.zeros_like(segment["rewards"])
        cut = ((segment["dones"] + segment["truncateds"]) > 0).float()
        carry = 0
        for t in range(self.horizon - 2, -1, -1):
            on = 1 - cut[:, t + 1]
            surprise = segment["rewards"][:, t + 1] + self.GAMMA * on * segment["values"][:, t + 1]
            carry = surprise - segment["values"][:, t] + self.GAMMA * self.LAMBDA * on * carry
            result[:, t] = carry
        return result

    def loss(self, out, old, advantage):
        ratio = torch.exp(out["act_log_prob"] - old["act_log_prob"])
        scaled = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        actor = -torch.minimum(scaled * ratio, scaled * ratio.clamp(1 - self.CLIP, 1 + self.CLIP)).mean()
        critic = 0.5 * (out["value"] - old["values"] - advantage).pow(2).mean()
        return actor + 0.44 * critic - 0.0021 * out["entropy"].mean()

    def update(self):
        advantage = self.advantages(self.buffer)
        for rows in torch.randperm(self.env.num_agents).split(self.minibatch):
            old = self.buffer[rows]
            self.policy.reset_memory()
            out = self.policy(old.select("env_obs", "dones", "truncateds"), action=old["actions"])
            self.optimizer.zero_grad()
            self.loss(out, old, advantage[rows]).backward()
            clip_grad_norm_(self.policy.parameters(), self.MAX_NORM)
            self.optimizer.step()
            self.policy.clip_weights()
