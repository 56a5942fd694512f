import torch
from torch.nn.utils import clip_grad_norm_

from agents.base import RecurrentBase
from learn.experience import PrioritizedExperience
from learn.kernels import backwards, normalised
from learn.trainer import Trainer


class KickstartTrainer(Trainer):
    """Pulls the agent towards a teacher, less and less."""

    def __init__(self, agent, env, settings, device, teacher: RecurrentBase):
        super().__init__(agent, env, settings, device)
        self.teacher = teacher.to(device).eval().requires_grad_(False)
        self.pull = settings.get("pull", 0.5)

    def loss(self, out, minibatch):
        with torch.no_grad():
            taught = self.teacher(self.visible(minibatch), action=minibatch["actions"])
        distance = (taught["full_log_probs"].exp() * (taught["full_log_probs"] - out["full_log_probs"])).sum(-1)
        return super().loss(out, minibatch) + self.pull * distance.mean()

    def after_epoch(self, epoch):
        self.pull *= 0.95


class TwoSpeedTrainer(Trainer):
    """The core learns slower than the heads: two optimizers, one backward."""

    def make_optimizer(self):
        slow = list(self.agent.lstm.parameters())
        known = {id(weight) for weight in slow}
        fast = [weight for weight in self.agent.parameters() if id(weight) not in known]
        self.slow = torch.optim.Adam(slow, lr=self.settings["lr"] * 0.1)
        return torch.optim.Adam(fast, lr=self.settings["lr"])

    def apply(self, loss):
        for optimizer in (self.slow, self.optimizer):
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        clip_grad_norm_(self.agent.parameters(), self.settings["max_grad"])
        self.slow.step()
        self.optimizer.step()
        self.agent.clip_weights()


class PatientTrainer(Trainer):
    """Takes a step for every few minibatches; gradients are cleared after the step alone."""

    def before_epoch(self, epoch):
        self.pending = 0
        self.optimizer.zero_grad()

    def apply(self, loss):
        every = self.settings["accumulate"]
        (loss / every).backward()
        self.pending += 1
        if self.pending % every:
            return
        clip_grad_norm_(self.agent.parameters(), self.settings["max_grad"])
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.agent.clip_weights()


class CriticTrainer(Trainer):
    """Fits the value head alone, on the rollouts that the other trainers produce."""

    def learn_from(self, rows, minibatch):
        self.agent.reset_memory()
        out = self.agent(self.visible(minibatch), action=minibatch["actions"])
        target = minibatch["advantages"] + minibatch["values"]
        loss = torch.nn.functional.smooth_l1_loss(out["value"].squeeze(-1), target)
        self.optimizer.zero_grad()
        loss.backward()
        clip_grad_norm_(self.agent.parameters(), self.settings["max_grad"])
        self.optimizer.step()
        self.experience.update(rows, {"values": out["value"].detach().squeeze(-1)})

    def estimate(self, data):
        return backwards(data["rewards"], data["values"], data["dones"], self.settings["gamma"], 1.0)


class ContinualTrainer(Trainer):
    """Rollouts follow each other without a break in the environments."""

    @torch.no_grad()
    def rollout(self):
        self.experience.restart()
        while not self.experience.ready:
            group, td = self.observe()
            self.agent(td)
            self.experience.store(group, td)
            self.env.send(td["actions"].cpu())

    def apply(self, loss):
        self.optimizer.zero_grad()
        loss.backward()
        self.agent.clip_weights()
        clip_grad_norm_(self.agent.parameters(), self.settings["max_grad"])
        self.optimizer.step()


class RankedTrainer(Trainer):
    experience_class = PrioritizedExperience

    def rank(self, advantages):
        self.experience.rank(advantages)

    def after_minibatch(self, rows, minibatch, out):
        ratio = (out["act_log_prob"].detach() - minibatch["act_log_prob"]).exp()
        self.experience.moved(rows, ratio)
        self.experience.replace(rows, {"values": out["value"].detach().squeeze(-1)})

    def after_epoch(self, epoch):
        self.experience.forget((self.experience.priorities > 100.0).nonzero().flatten())


class RegressionTrainer(Trainer):
    """Weighs the log-likelihood of what was done by how well it went, over whole returns."""

    def estimate(self, data):
        rewards, values, dones = data["rewards"], data["values"], data["dones"]
        gamma, lam = self.settings["gamma"], self.settings["lam"]
        total = values[:, -1]
        returns = values.clone()
        for t in range(rewards.shape[1] - 2, -1, -1):
            onward = lam * total + (1 - lam) * values[:, t + 1]
            total = rewards[:, t + 1] + gamma * (1 - dones[:, t + 1]) * onward
            returns[:, t] = total
        return returns - values

    def learn_from(self, rows, minibatch):
        self.agent.reset_memory()
        out = self.agent(self.visible(minibatch), action=minibatch["actions"])
        worth = (normalised(minibatch["advantages"]) / 0.5).exp().clamp(max=20.0)
        loss = -(worth * out["act_log_prob"]).mean()
        loss.backward()
        self.optimizer.zero_grad()
        clip_grad_norm_(self.agent.parameters(), self.settings["max_grad"])
        self.optimizer.step()
        self.agent.clip_weights()
