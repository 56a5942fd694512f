import torch
import torch.nn as nn
import torch.nn.functional as F

from policies.common import Acting, Bounded, Kept, count_actions, fold, scales_of, start_core


class MixtureDense(Kept, Bounded, Acting, nn.Module):
    """Experts by region of the view; all of them are run, a gate mixes them."""

    def __init__(self, env, experts=3, hidden_size=64, clip_range=0.0, analyze_weights_interval=300):
        nn.Module.__init__(self)
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.register_buffer("scales", scales_of(env))
        self.kind = nn.Embedding(256, 29)
        self.experts = nn.ModuleList([nn.Sequential(nn.Linear(32, 64), nn.ReLU()) for _ in range(experts)])
        self.gate = nn.Linear(32, experts)
        self.join = nn.Linear(64, hidden_size)
        self.lstm = start_core(nn.LSTM(hidden_size, hidden_size))
        self.pi = nn.Linear(hidden_size, count_actions(env))
        self.v = nn.Linear(hidden_size, 1)
        self.keep(1, hidden_size)
        self.mark()

    def describe(self, obs):
        x = (obs[..., 0] >> 4).float() / 15
        y = (obs[..., 0] & 15).float() / 15
        kind = obs[..., 1].long()
        value = obs[..., 2].float() / self.scales[kind]
        return torch.cat([self.kind(kind), torch.stack([x, y, value], -1)], -1)

    def encode(self, obs):
        t = self.describe(obs)
        real = (obs[..., 0] != 255).float().unsqueeze(-1)
        share = F.softmax(self.gate(t), -1)
        each = torch.stack([expert(t) for expert in self.experts], -1)
        mixed = (each * share.unsqueeze(2)).sum(-1) * real
        return F.relu(self.join(mixed.sum(1) / real.sum(1).clamp(min=1)))

    def forward(self, td, state=None, action=None):
        td, B, T = fold(td)
        y = self.remember(td, self.encode(td["env_obs"]), B, T, action is None)
        self.answer(td, self.pi(y), self.v(y), action)
        return td if action is None else td.reshape(B, T)


class Mixture(MixtureDense):
    """Each token by the expert of its gate, the rarest first."""

    def __init__(self, env, experts=3, hidden_size=64, **options):
        super().__init__(env, experts, hidden_size, **options)
        self.narrow = nn.Linear(64, 48)
        self.broad = nn.Linear(48, 64)
        self.mark()

    def encode(self, obs):
        t = self.describe(obs)
        real = (obs[..., 0] != 255).float().unsqueeze(-1)
        which = self.gate(t).argmax(-1)
        load = torch.bincount(which.flatten(), minlength=len(self.experts)).tolist()
        mixed = torch.zeros(*which.shape, 64)
        for number in sorted(range(len(self.experts)), key=load.__getitem__):
            chosen = (which == number).unsqueeze(-1)
            mixed = torch.where(chosen, self.experts[number](t), mixed)
        mixed = F.relu(self.broad(self.narrow(mixed)))
        void = real == 0
        mixed = mixed.masked_fill(void, 0.0) if void.any() else mixed
        return F.relu(self.join(mixed.sum(1) / real.sum(1).clamp(min=1)))

    def l2_init_loss(self):
        far = 0.0
        for m, first in zip((m for m in self.modules() if isinstance(m, self.LAYERS)), self.first):
            far += ((m.weight - first.to(m.weight.device)) ** 2).sum().item()
        return torch.tensor(far, device=self.scales.device)
