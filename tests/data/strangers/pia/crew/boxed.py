"""Agents that see tokens as an image."""
import torch
import torch.nn.functional as F
from torch import nn

from crew.base import Agent, joint_count, mlp, stamp
from crew.seats import Seated, SeatedGRU


class Image(nn.Module):
    """Out of range is whatever lands in the frame around the image, or on its last plane."""

    def __init__(self, env, width=128):
        super().__init__()
        self.width = width
        self.columns = getattr(env, "obs_width", 11)
        self.lines = getattr(env, "obs_height", 11)
        self.planes = max(env.feature_normalizations) + 1
        self.norms = torch.tensor([float(env.feature_normalizations.get(i) or 1) for i in range(self.planes)])
        self.conv1 = nn.Conv2d(self.planes, 32, 3, padding=1)
        self.norm1 = nn.GroupNorm(4, 32)
        self.conv2 = nn.Conv2d(32, 32, 3, padding=1)
        self.out = mlp(32 * self.columns * self.lines, width)

    def _apply(self, fn, *args, **kwargs):
        self.norms = fn(self.norms)
        return super()._apply(fn, *args, **kwargs)

    def forward(self, obs):
        place, kind, amount = obs.long().unbind(-1)
        column = torch.clamp(place >> 4, max=self.columns)
        line = torch.clamp(place & 15, max=self.lines)
        plane = torch.where(place == 255, self.planes, kind.clamp(max=self.planes))
        with obs.device:
            image = torch.zeros(len(obs), self.planes + 1, self.columns + 1, self.lines + 1)
            row = torch.arange(len(obs)).unsqueeze(1)
        image[row, plane, column, line] = amount.float()
        image = image[:, :-1, :-1, :-1] / self.norms.view(1, -1, 1, 1)
        image = torch.relu(self.conv2(self.norm1(self.conv1(image))))
        return self.out(image.flatten(1))


class Boxed(Seated, Agent):
    def __init__(self, env, **options):
        super().__init__(env, **options)
        self.net = Image(env)
        self.core = SeatedGRU(self.net.width, self.hidden)
        self.actor = mlp(self.hidden, joint_count(env), out_gain=0.01)

    def forward(self, td, state=None, action=None):
        if action is None:
            stamp(td, 1, td.batch_size[0])
            return self.finish(td, self.core.step(self.net(td["env_obs"]), td), None)
        rows, steps = td.batch_size
        td = td.reshape(rows * steps)
        stamp(td, steps, rows)
        x = self.net(td["env_obs"]).view(rows, steps, -1).transpose(0, 1)
        hidden = self.core.unroll(x, td).transpose(0, 1).reshape(rows * steps, -1)
        return self.finish(td, hidden, action.reshape(-1, 2)).reshape(rows, steps)


class Frames(Seated, nn.Module):
    """Ported from an Atari agent: convolutions, one linear layer, two heads."""

    def __init__(self, env, hidden=128):
        super().__init__()
        self.columns, self.lines = env.obs_width, env.obs_height
        self.planes = max(env.feature_normalizations) + 1
        self.conv1 = nn.Conv2d(self.planes, 32, 5, padding=2)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.fc = nn.Linear(64 * self.columns * self.lines, hidden)
        self.core = SeatedGRU(hidden, hidden)
        self.actor = mlp(hidden, joint_count(env), out_gain=0.01)
        self.critic = mlp(hidden, 1, out_gain=1.0)

    def frame(self, obs):
        place, kind = obs[..., 0].long(), obs[..., 1].long()
        x, y = place >> 4, place & 15
        known = (place != 255) & (kind < self.planes)
        image = torch.zeros(len(obs), self.planes, self.columns, self.lines, device=obs.device)
        row = torch.arange(len(obs)).unsqueeze(1).expand_as(place)
        image[row[known], kind[known], x[known], y[known]] = obs[..., 2][known].float()
        return image / 255.0

    def look(self, obs):
        image = F.relu(self.conv2(F.relu(self.conv1(self.frame(obs)))))
        return F.relu(self.fc(image.flatten(1)))

    def forward(self, td, state=None, action=None):
        training = action is not None
        rows, steps = (td.batch_size[0], td.batch_size[1]) if training else (td.batch_size[0], 1)
        if training:
            td = td.reshape(rows * steps)
        stamp(td, steps, rows)
        x = self.look(td["env_obs"])
        if training:
            x = x.view(rows, steps, -1).transpose(0, 1)
            hidden = self.core.unroll(x, td).transpose(0, 1).reshape(rows * steps, -1)
        else:
            hidden = self.core.step(x, td)
        log_probs = F.log_softmax(self.actor(hidden), dim=-1)
        index = torch.multinomial(log_probs.exp(), 1)
        td["act_log_prob"] = log_probs.gather(1, index).squeeze(1)
        td["full_log_probs"] = log_probs
        if training:
            td["entropy"] = -(log_probs.exp() * log_probs).sum(1)
            td["value"] = self.critic(hidden)
            return td.reshape(rows, steps)
        td["actions"] = self.action_index_tensor[index.squeeze(1)].to(torch.int32)
        td["values"] = self.critic(hidden).flatten()
        return td
