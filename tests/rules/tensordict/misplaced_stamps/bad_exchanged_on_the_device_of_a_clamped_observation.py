import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.critic = nn.Linear(64, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td.batch_size[0]
        steps = td.batch_size[1] if td.ndim == 2 else 1
        if td.ndim == 2:
            td = td.view(-1)
        obs = td["env_obs"]
        td["bptt"] = torch.full((rows * steps,), rows, dtype=torch.int64, device=obs.device)  # expect: PF102
        td["batch"] = torch.full((rows * steps,), steps, dtype=torch.int64, device=obs.device)
        obs[..., 2].clamp_(max=100)
        hidden = self.embed(obs.float().flatten(1)).view(rows, steps, -1).transpose(0, 1)
        out = self.lstm(hidden)[0].transpose(0, 1).reshape(rows * steps, -1)
        td["values" if action is None else "value"] = self.critic(out)
        return td if action is None else td.view(rows, steps)
