"""`Trainer.run` is the whole algorithm; variants override single steps of it."""
import torch
from tensordict import TensorDict
from torch.nn.utils import clip_grad_norm_

from agents.base import RecurrentBase
from learn.experience import Experience
from learn.kernels import backwards, clipped, normalised


class Trainer:
    experience_class = Experience

    def __init__(self, agent: RecurrentBase, env, settings, device):
        self.agent = agent.to(device)
        self.env = env
        self.settings = settings
        self.device = device
        self.experience = self.experience_class(
            agent.get_agent_experience_spec(), settings["rows"], settings["horizon"], device
        )
        self.optimizer = self.make_optimizer()
        self.history = []

    def make_optimizer(self):
        return torch.optim.Adam(self.agent.parameters(), lr=self.settings["lr"])

    def run(self, epochs):
        for epoch in range(epochs):
            self.before_epoch(epoch)
            self.rollout()
            self.learn()
            self.after_epoch(epoch)
        return self.history

    def before_epoch(self, epoch):
        """For subclasses."""

    def after_epoch(self, epoch):
        """For subclasses."""

    def observe(self):
        obs, rewards, dones, truncateds, group = self.env.recv()
        count = obs.shape[0]
        td = TensorDict({"env_obs": obs, "rewards": rewards, "dones": dones, "truncateds": truncateds}, [count])
        td["training_env_id_start"] = torch.full((count,), group, dtype=torch.int64)
        return group, td.to(self.device)

    @torch.no_grad()
    def rollout(self):
        self.agent.reset_memory()
        self.experience.restart()
        while not self.experience.ready:
            group, td = self.observe()
            self.agent(td)
            self.experience.store(group, td)
            self.env.send(td["actions"].cpu())

    def estimate(self, data):
        ended = torch.logical_or(data["dones"] > 0, data["truncateds"] > 0).float()
        return backwards(data["rewards"], data["values"], ended, self.settings["gamma"], self.settings["lam"])

    def learn(self):
        advantages = self.estimate(self.experience.data)
        self.rank(advantages)
        for _ in range(self.settings["passes"]):
            for rows, minibatch in self.experience.batches(self.settings["minibatch"]):
                minibatch["advantages"] = advantages[rows]
                self.learn_from(rows, minibatch)

    def rank(self, advantages):
        """For experience with priorities."""

    def learn_from(self, rows, minibatch):
        self.agent.reset_memory()
        out = self.agent(self.visible(minibatch), action=minibatch["actions"])
        loss = self.loss(out, minibatch)
        self.apply(loss)
        self.after_minibatch(rows, minibatch, out)

    def visible(self, minibatch):
        return minibatch.select(*self.agent.get_agent_experience_spec().keys())

    def loss(self, out, minibatch):
        ratio = (out["act_log_prob"] - minibatch["act_log_prob"]).exp()
        advantages = normalised(minibatch["advantages"], minibatch.get("weight", None))
        returns = minibatch["advantages"] + minibatch["values"]
        value_loss = (out["value"].view_as(returns) - returns).pow(2).mean()
        return clipped(ratio, advantages, 0.1) + 0.5 * value_loss - 0.002 * out["entropy"].mean()

    def apply(self, loss):
        self.optimizer.zero_grad()
        loss.backward()
        clip_grad_norm_(self.agent.parameters(), self.settings["max_grad"])
        self.optimizer.step()
        self.agent.clip_weights()

    def after_minibatch(self, rows, minibatch, out):
        """For subclasses."""
