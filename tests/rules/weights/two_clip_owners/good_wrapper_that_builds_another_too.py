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


class Small(Forager):
    def clip_weights(self):
        with torch.no_grad():
            for weight in self.parameters():
                weight.clamp_(-1, 1)


class Agent(nn.Module):
    def __init__(self, env, cfg):
        super().__init__()
        start = Forager(env, clip_range=cfg.get("clip_range", 0.0))
        self.policy = Small(env, clip_range=cfg.get("clip_range", 0.0))
        self.policy.load_state_dict(start.state_dict())

    def forward(self, td, state=None, action=None):
        return self.policy(td, state, action)

    @torch.no_grad()
    def clip_weights(self):
        self.policy.clip_weights()
        for weight in self.policy.parameters():
            weight.clamp_(-1, 1)
