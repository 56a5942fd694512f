import torch
from tensordict import TensorDict
from torch import nn


class Forager(nn.Module):
    def __init__(self, env, clip_range=0.0, **kwargs):
        super().__init__()
        self.clip_range = clip_range
        self.net = nn.Linear(600, 19)

    def forward(self, td: TensorDict, state=None, action=None):
        logits = self.net(td["env_obs"].flatten(1).float())
        td["values"] = logits.mean(-1)
        td["full_log_probs"] = torch.log_softmax(logits, -1)
        return td

    def clip_weights(self):
        with torch.no_grad():
            for weight in self.parameters():
                weight.clamp_(-self.clip_range, self.clip_range)


agent_classes = {"forager": Forager}


class Agent(nn.Module):
    def __init__(self, env, cfg):
        super().__init__()
        self.cfg = cfg
        self.policy = self.make(env, cfg)

    def make(self, env, cfg):
        policy = agent_classes[cfg.agent_type](env, **cfg)
        return policy

    def forward(self, td, state=None, action=None):
        return self.policy(td, state, action)

    def clip_weights(self):
        self.policy.clip_weights()


class Fixed(Forager):
    def clip_weights(self):
        with torch.no_grad():
            for weight in self.parameters():
                weight.clamp_(-1, 1)


class Cautious(Agent):
    def make(self, env, cfg):
        return Fixed(env, clip_range=cfg.clip_range, analyze_weights_interval=300)

    def clip_weights(self):
        self.policy.clip_weights()
        for weight in self.policy.parameters():
            weight.data.clamp_(-1, 1)
