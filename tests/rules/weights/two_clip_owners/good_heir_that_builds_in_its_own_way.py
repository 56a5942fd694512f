import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    def __init__(self, env, clip_range=0.0):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self.clip_range = clip_range

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        out, _ = self.lstm(self.embed(rows).unsqueeze(0))
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td

    def clip_weights(self):
        for weight in self.parameters():
            weight.data.clamp_(-self.clip_range, self.clip_range)


KINDS = {"forager": Forager}


class Agent(nn.Module):
    def __init__(self, env, cfg):
        super().__init__()
        self.policy = self.make_policy(env, cfg).to("cpu")

    def make_policy(self, env, cfg):
        return KINDS[cfg.kind](env, **cfg.options)

    def forward(self, td, state=None, action=None):
        return self.policy(td, state, action)

    def clip_weights(self):
        self.policy.clip_weights()


class Replica(Agent):
    def make_policy(self, env, cfg):
        return KINDS[cfg.kind](env, **cfg.all)

    def clip_weights(self):
        self.policy.clip_weights()
