import torch
import torch.nn as nn
from tensordict import TensorDict

class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.cell = nn.LSTMCell(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self.register_buffer("memory", torch.zeros(2, 64, 64))

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        hidden = self.embed(rows)
        batch, steps = td.batch_size if td.batch_dims > 1 else (td.batch_size[0], 1)
        hidden = hidden.view(batch, steps, -1)
        h, c = self.memory[:, :batch]
        outs = []
        for t in range(steps):
            h, c = self.cell(hidden[:, t], (h, c))  # expect: PF205
            outs.append(h)
        out = torch.stack(outs, 1).flatten(0, 1)
        out = out.relu()
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
