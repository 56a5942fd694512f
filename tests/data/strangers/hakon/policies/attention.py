import torch
import torch.nn as nn

from policies.common import Acting, Bounded, Kept, count_actions, fold, scales_of, start_core


class Block(nn.Module):
    def __init__(self, size, heads):
        super(Block, self).__init__()
        self.before = nn.LayerNorm(size)
        self.attend = nn.MultiheadAttention(size, heads, batch_first=True)
        self.between = nn.LayerNorm(size)
        self.mlp = nn.Sequential(nn.Linear(size, 2 * size), nn.GELU(), nn.Linear(2 * size, size))

    def forward(self, x, ignore):
        y = self.before(x)
        y, _ = self.attend(y, y, y, key_padding_mask=ignore, need_weights=False)
        x = x + y
        return x + self.mlp(self.between(x))


class Attention(Kept, Bounded, Acting, nn.Module):
    """A summary token and the others look at each other twice."""

    def __init__(self, env, size=32, hidden_size=96, num_layers=1, clip_range=0.0, analyze_weights_interval=300):
        super(Attention, self).__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.register_buffer("scales", scales_of(env))
        self.place = nn.Embedding(256, size)
        self.kind = nn.Embedding(256, size)
        self.amount = nn.Parameter(torch.randn(size) * 0.1)
        self.summary = nn.Parameter(torch.zeros(1, 1, size))
        self.blocks = nn.ModuleList([Block(size, 4) for _ in range(2)])
        self.out = nn.Sequential(nn.LayerNorm(size), nn.Linear(size, hidden_size), nn.ReLU())
        self.lstm = start_core(nn.LSTM(hidden_size, hidden_size, num_layers))
        self.pi = nn.Linear(hidden_size, count_actions(env))
        self.v = nn.Linear(hidden_size, 1)
        self.keep(num_layers, hidden_size)
        self.mark()

    def prepare(self, obs):
        place = obs[..., 0].long()
        kind = obs[..., 1].long()
        value = obs[..., 2].float() / self.scales[kind]
        return self.place(place) + self.kind(kind) + value.unsqueeze(-1) * self.amount

    def encode(self, obs):
        x = self.prepare(obs)
        n = x.shape[0]
        pad = obs[..., 0] == 255
        x = torch.cat([self.summary.expand(n, -1, -1), x], dim=1)
        ignore = torch.cat([torch.zeros(n, 1, dtype=torch.bool).to(obs.device), pad], dim=1)
        for block in self.blocks:
            x = block(x, ignore)
        return self.out(x[:, 0])

    def forward(self, td, state=None, action=None):
        td, B, T = fold(td)
        y = self.remember(td, self.encode(td["env_obs"]), B, T, action is None)
        self.answer(td, self.pi(y), self.v(y), action)
        return td if action is None else td.reshape(B, T)


class AttentionTrim(Attention):
    """Cuts what is padding in every row before the blocks see it."""

    def encode(self, obs):
        pad = obs[..., 0] == 255
        longest = (~pad).sum(1).max().item()
        obs = obs[:, :max(longest, 1)]
        x = self.prepare(obs)
        n = x.shape[0]
        x = torch.cat([self.summary.expand(n, -1, -1), x], dim=1)
        ignore = torch.cat([torch.zeros(n, 1, dtype=torch.bool), obs[..., 0] == 255], dim=1)
        for block in self.blocks:
            x = block(x, ignore)
        return self.out(x[:, 0])

    def clip_weights(self):
        limit = getattr(self, "weight_limit", 0.0)
        if limit > 0:
            for p in self.parameters():
                p.data.clamp_(-limit, limit)


class AttentionAux(Attention):
    """Guesses how many tokens it saw and which kind was in the middle; the trainer may use it."""

    def __init__(self, env, hidden_size=96, aux_scale=0.1, **options):
        super(AttentionAux, self).__init__(env, hidden_size=hidden_size, **options)
        self.aux_scale = aux_scale
        self.tally = nn.Sequential(nn.Linear(hidden_size, 32), nn.Tanh(), nn.Linear(32, 1))
        self.mark()

    def forward(self, td, state=None, action=None):
        td, B, T = fold(td)
        obs = td["env_obs"]
        y = self.remember(td, self.encode(obs), B, T, action is None)
        self.answer(td, self.pi(y), self.v(y), action)
        if action is None:
            return td
        wanted = (obs[..., 0] != 255).float().mean(1)
        td["aux_loss"] = self.aux_scale * (self.tally(y).squeeze(-1) - wanted) ** 2
        return td.reshape(B, T)
