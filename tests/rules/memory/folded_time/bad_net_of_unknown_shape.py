import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    """Its net may be anything that keeps the rows."""

    def __init__(self, env, net=None):
        super().__init__()
        self.net = net or nn.Sequential(nn.Linear(3, 64), nn.ReLU())
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self._state = None

    def see(self, observation, steps):
        place, kind, level = observation.float().unbind(-1)
        seen = self.net(torch.stack([place / 255, kind, level], dim=-1))
        seen = (seen * (place != 255).unsqueeze(-1)).amax(1)
        return seen

    def forward(self, td: TensorDict, state=None, action=None):
        if action is None:
            hidden = self.see(td["env_obs"], 1).unsqueeze(0)
            out, (h, c) = self.lstm(hidden, self._state)
            self._state = h.detach(), c.detach()
            out = out.squeeze(0)
            td["values"] = self.critic(out).flatten()
            td["full_log_probs"] = self.actor(out).log_softmax(-1)
            td["actions"] = td["full_log_probs"].exp().multinomial(1)
            return td
        rows, steps = td.batch_size
        flat = td.reshape(rows * steps)
        hidden = self.see(flat["env_obs"], steps)[None]  # expect: PF211
        out = self.lstm(hidden)[0].squeeze(0)
        flat["value"] = self.critic(out)
        flat["full_log_probs"] = self.actor(out).log_softmax(-1)
        return flat.reshape(rows, steps)
