import torch
from torch import nn


class Policy(nn.Module):
    def forward(self, td, state=None, action=None):
        return self.net(td["env_obs"])

    def reset_memory(self):
        self.state = None


class Trainer:
    def __init__(self, agent: Policy, batches):
        self.agent, self.batches = agent, batches
        self.optimizer = torch.optim.Adam(agent.parameters())

    def run(self):
        for td in self.batches:
            self.agent.reset_memory()
            loss = self.loss(self.agent(td, action=td["actions"]), td)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.agent.clip_weights()

    def loss(self, out, td):
        return -out["act_log_prob"].mean()


class Kickstarter(Trainer):
    def __init__(self, agent, batches, teacher: Policy):
        super().__init__(agent, batches)
        self.teacher = teacher

    def loss(self, out, td):
        self.teacher.reset_memory()
        with torch.no_grad():
            taught = self.teacher(td, action=td["actions"])
        return super().loss(out, td) + (taught["full_log_probs"] - out["full_log_probs"]).square().mean()
