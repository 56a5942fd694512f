"""Rollouts are sequences of one step."""
import torch
from torch import nn

from .common import ActionTable, Choice, Sight, clip, ended, init_core, stamp
from .memory import Remembering, SeatMemory


class Unified(Remembering, ActionTable, nn.Module):
    """Both modes take one way, and both begin where the memory is."""

    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.sight = Sight(hidden_size)
        self.cell = init_core(nn.LSTMCell(hidden_size, hidden_size))
        self.choice = Choice(env, hidden_size)
        self.memory = SeatMemory(2, hidden_size)

    def clip_weights(self):
        clip(self, self.clip_range)

    def going_on(self, td, b, t):
        return (~ended(td)).view(b, t, 1).float()

    def forward(self, td, state=None, action=None):
        b, t = td.shape if action is not None else (td.shape[0], 1)
        on = self.going_on(td, b, t)
        flat = stamp(td if action is None else td.reshape(b * t), t)
        x = self.sight(flat["env_obs"]).view(b, t, -1)
        h, c = self.memory.take(td, x)
        outs = []
        for step in range(t):
            h, c = self.cell(x[:, step], (h * on[:, step], c * on[:, step]))
            outs.append(h)
        self.memory.put(td, torch.stack([h, c]))
        out = torch.stack(outs, 1).view(b * t, -1)
        flat = self.write(flat, *self.choice(out), action=action)
        return flat if action is None else flat.reshape(b, t)


class Strict(Unified):
    """Unified with its own notion of an end."""

    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(env, hidden_size, clip_range, analyze_weights_interval)
        self.cell = nn.LSTMCell(hidden_size, hidden_size)

    def going_on(self, td, b, t):
        if "dones" not in td.keys() or "truncateds" not in td.keys():
            return torch.ones(b, t, 1, device=td["env_obs"].device)
        over = td["dones"].bool() & td["truncateds"].bool()
        return (~over).view(b, t, 1).float()

    def clip_weights(self):
        clip(self, getattr(self, "weight_limit", 0.0))


class BurnIn(Unified):
    """Starts a minibatch from the state that was stored with it, and lets it settle for some steps without gradient."""

    def __init__(self, env, hidden_size=128, burn_in=4, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(env, hidden_size, clip_range, analyze_weights_interval)
        self.burn_in = burn_in
        self.tokens = env.single_observation_space.shape

    def get_agent_experience_spec(self):
        from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

        width = self.cell.hidden_size
        return Composite(
            env_obs=UnboundedDiscrete(shape=tuple(self.tokens), dtype=torch.uint8),
            seed=UnboundedContinuous(shape=(2, width), dtype=torch.float32),
        )

    def forward(self, td, state=None, action=None):
        if action is None:
            x = self.sight(td["env_obs"])
            carry = self.memory.take(td, x) * self.going_on(td, td.shape[0], 1).squeeze(1)
            td["seed"] = carry.transpose(0, 1)
            return super().forward(td)
        b, t = td.shape
        on = self.going_on(td, b, t)
        h, c = td["seed"][:, 0].unbind(1)
        flat = stamp(td.reshape(b * t), t)
        x = self.sight(flat["env_obs"]).view(b, t, -1)
        outs = []
        for step in range(t):
            if step == self.burn_in:
                h, c = h.detach(), c.detach()
            h, c = self.cell(x[:, step], (h * on[:, step], c * on[:, step]))
            outs.append(h if step >= self.burn_in else h.detach())
        out = torch.stack(outs, 1).view(b * t, -1)
        return self.write(flat, *self.choice(out), action=action).reshape(b, t)


class Segment(Unified):
    """Unified for a learner that knows its own segment length."""

    def forward(self, td, state=None, action=None):
        b, t = td.shape if action is not None else (td.shape[0], 1)
        on = self.going_on(td, b, t)
        flat = td if action is None else td.reshape(b * t)
        x = self.sight(flat["env_obs"]).view(b, t, -1)
        h, c = self.memory.take(td, x)
        outs = []
        for step in range(t):
            h, c = self.cell(x[:, step], (h * on[:, step], c * on[:, step]))
            outs.append(h)
        self.memory.put(td, torch.stack([h, c]))
        flat = self.write(flat, *self.choice(torch.stack(outs, 1).flatten(0, 1)), action=action)
        return flat if action is None else flat.reshape(b, t)

    def l2_init_loss(self):
        with torch.no_grad():
            return sum(p.square().sum() for p in self.choice.parameters())
