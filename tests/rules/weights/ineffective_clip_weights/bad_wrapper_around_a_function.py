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


KINDS = {"forager": Forager}


def make_policy(env, cfg):
    return KINDS[cfg.kind](env, **cfg.options)


class Agent(nn.Module):
    def __init__(self, env, cfg):
        super().__init__()
        self.policy = make_policy(env, cfg)

    def forward(self, td, state=None, action=None):
        return self.policy(td, state, action)

    def clip_weights(self):
        if hasattr(self.policy, "clip_weights"):
            self.policy.clip_weights()
        else:
            with torch.no_grad():
                for weight in self.policy.parameters():
                    weight.clamp_(-1.0, 1.0)  # expect: PF302
