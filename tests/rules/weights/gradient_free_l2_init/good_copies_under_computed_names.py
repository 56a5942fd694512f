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
        self.starts = {name: f"start_{i}" for i, (name, _) in enumerate(self.drawn())}
        for name, weight in self.drawn():
            self.register_buffer(self.starts[name], weight.detach().clone(), persistent=False)

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        out, _ = self.lstm(self.embed(rows).unsqueeze(0))
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td

    def drawn(self):
        return [(name, weight) for name, weight in self.named_parameters() if weight.dim() > 1]

    def l2_init_loss(self):
        total = torch.zeros(())
        for name, weight in self.drawn():
            total = total + (weight - getattr(self, self.starts[name])).pow(2).sum()
        return total
