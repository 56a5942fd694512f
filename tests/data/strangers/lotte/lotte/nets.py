"""Nets: what is seen, what is remembered, what is done. None of them knows the trainer."""
import torch
import torch.nn as nn
import torch.nn.functional as F


def core_init(core):
    for name, p in core.named_parameters():
        if 'bias' in name:
            nn.init.constant_(p, 1.)
        else:
            nn.init.orthogonal_(p, 1.)
    return core


class SeeingNet(nn.Module):
    """Encoder and heads, without a memory."""

    def __init__(self, env, hidden_size=128):
        super(SeeingNet, self).__init__()
        self.hidden_size = hidden_size
        self.attr = nn.Embedding(256, hidden_size)
        self.value_in = nn.Linear(3, hidden_size)
        self.fc = nn.Linear(hidden_size, hidden_size)
        self.actor = nn.Linear(hidden_size, sum([n + 1 for n in env.max_action_args]))
        self.critic = nn.Linear(hidden_size, 1)
        nn.init.orthogonal_(self.actor.weight, 0.01)
        nn.init.zeros_(self.actor.bias)

    def encode_observations(self, observations, state=None):
        coords = observations[..., 0]
        known = coords != 255
        numbers = torch.stack([coords // 16, coords % 16, observations[..., 2]], dim=-1).float() / 255.
        x = F.relu(self.value_in(numbers) + self.attr(observations[..., 1].long()))
        x = torch.where(known.unsqueeze(-1), x, torch.zeros_like(x)).sum(-2)
        return F.relu(self.fc(x))

    def decode_actions(self, hidden):
        return self.actor(hidden), self.critic(hidden).squeeze(-1)


class LSTMNet(SeeingNet):
    """`advance` takes [T, B, H] and a dict of [layers, B, H] or None, and gives back the same."""

    parts = ('h', 'c')

    def __init__(self, env, hidden_size=128, num_layers=2):
        super(LSTMNet, self).__init__(env, hidden_size)
        self.num_layers = num_layers
        self.rnn = core_init(nn.LSTM(hidden_size, hidden_size, num_layers))

    def advance(self, x, state):
        if state is not None:
            state = (state['h'], state['c'])
        x, (h, c) = self.rnn(x, state)
        return x, {'h': h, 'c': c}


class PairNet(SeeingNet):
    """An LSTM over what is seen and a GRU over what the LSTM makes of it; the heads get both."""

    parts = ('h', 'c', 'g')
    num_layers = 1

    def __init__(self, env, hidden_size=128):
        super(PairNet, self).__init__(env, hidden_size)
        self.events = core_init(nn.LSTM(hidden_size, hidden_size))
        self.mood = core_init(nn.GRU(hidden_size, hidden_size))

    def advance(self, x, state):
        hc, g = None, None
        if state is not None:
            hc, g = (state['h'], state['c']), state['g']
        events, (h, c) = self.events(x, hc)
        mood, g = self.mood(events, g)
        return events * torch.sigmoid(mood), dict(h=h, c=c, g=g)


class LeakyCell(nn.Module):
    """An LSTM cell whose output lags behind: a part of the last output stays."""

    def __init__(self, size, leak=0.1):
        super(LeakyCell, self).__init__()
        self.cell = core_init(nn.LSTMCell(size, size))
        self.leak = leak

    def forward(self, x, h, c):
        new, c = self.cell(x, (h, c))
        return (1. - self.leak) * new + self.leak * h, c


class LeakyNet(SeeingNet):
    parts = ('h', 'c')
    num_layers = 1

    def __init__(self, env, hidden_size=128, leak=0.1):
        super(LeakyNet, self).__init__(env, hidden_size)
        self.cell = LeakyCell(hidden_size, leak)

    def advance(self, x, state):
        if state is None:
            h = c = x.new_zeros(x.shape[1], self.hidden_size)
        else:
            h, c = state['h'][0], state['c'][0]
        out = []
        for xt in x:
            h, c = self.cell(xt, h, c)
            out.append(h)
        return torch.stack(out), {'h': h[None], 'c': c[None]}


class BareNet(SeeingNet):
    """For comparison with the old runs."""

    parts = ('g',)
    num_layers = 1

    def __init__(self, env, hidden_size=128):
        super(BareNet, self).__init__(env, hidden_size)
        self.rnn = nn.GRU(hidden_size, hidden_size)

    def advance(self, x, state):
        x, g = self.rnn(x, None if state is None else state['g'])
        return x, {'g': g}


class TightNet(LSTMNet):
    """Keeps its heads small by itself."""

    def __init__(self, env, hidden_size=128, num_layers=2, clip_range=0.):
        super(TightNet, self).__init__(env, hidden_size, num_layers)
        self.clip_range = clip_range

    @torch.no_grad()
    def clip_weights(self):
        if self.clip_range > 0:
            for head in (self.actor, self.critic):
                head.weight.clamp_(-self.clip_range, self.clip_range)
