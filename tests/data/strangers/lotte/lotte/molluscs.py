"""Shells with their nets in them."""
import torch
import torch.nn as nn

from .nets import BareNet, LeakyNet, LSTMNet, PairNet, TightNet
from .shell import Shell


class Abalone(Shell):
    def __init__(self, env, hidden_size=128, num_layers=2, **kwargs):
        super(Abalone, self).__init__(env, LSTMNet(env, hidden_size, num_layers), **kwargs)


class Clam(Shell):
    """The net is drawn anew as a whole; its small action head is made small again afterwards."""

    def __init__(self, env, hidden_size=128, **kwargs):
        net = PairNet(env, hidden_size)
        for name, p in net.named_parameters():
            if p.dim() > 1:
                nn.init.orthogonal_(p)
            else:
                nn.init.constant_(p, 1.)
        nn.init.orthogonal_(net.actor.weight, 0.01)
        nn.init.zeros_(net.actor.bias)
        super(Clam, self).__init__(env, net, **kwargs)


class Nautilus(Shell):
    def __init__(self, env, hidden_size=128, leak=0.1, clip_range=0., analyze_weights_interval=300):
        net = LeakyNet(env, hidden_size=hidden_size, leak=leak)
        super(Nautilus, self).__init__(env, net, clip_range, analyze_weights_interval)
        self.w0 = [p.detach().clone() for p in self._drawn()]

    def _drawn(self):
        return [self.policy.fc.weight, self.policy.actor.weight, self.policy.critic.weight]

    def l2_init_loss(self):
        return sum(((p - w.to(p)) ** 2).sum() for p, w in zip(self._drawn(), self.w0))


class Barnacle(Shell):
    def __init__(self, env, hidden_size=128, clip_range=0., analyze_weights_interval=300, max_envs=2048):
        super(Barnacle, self).__init__(
            env, BareNet(env, hidden_size), analyze_weights_interval=analyze_weights_interval, max_envs=max_envs
        )


class Cockle(Shell):
    def __init__(self, env, hidden_size=128, **kwargs):
        clip_range = kwargs.get('clip_range', 0.)
        interval = kwargs.get('analyze_weights_interval', 300)
        super(Cockle, self).__init__(env, PairNet(env, hidden_size), clip_range, interval)

    def clip_weights(self):
        if self.clip_range > 0:
            for p in self.policy.parameters():
                p.detach().clone().clamp_(-self.clip_range, self.clip_range)


class Dogwhelk(Shell):
    def __init__(self, env, hidden_size=128, num_layers=2, clip_range=0., **kwargs):
        net = TightNet(env, hidden_size, num_layers, clip_range=clip_range)
        super(Dogwhelk, self).__init__(env, net, clip_range=clip_range, **kwargs)

    def clip_weights(self):
        self.policy.clip_weights()
        if self.clip_range > 0:
            bound = 2. * self.clip_range
            with torch.no_grad():
                for p in self.parameters():
                    p.clamp_(-bound, bound)


class Mussel(Shell):
    """Everything orthogonal, as in the paper."""

    def __init__(self, env, hidden_size=128, **kwargs):
        super(Mussel, self).__init__(env, LSTMNet(env, hidden_size), **kwargs)
        for name, p in self.named_parameters():
            if 'bias' in name:
                nn.init.constant_(p, 1.)
            else:
                nn.init.orthogonal_(p, 1.)
        self.register_buffer('w0', self.policy.critic.weight.detach().clone())

    def l2_init_loss(self):
        return ((self.policy.critic.weight.data - self.w0) ** 2).mean()


class Oyster(Shell):
    """Clips what is linear, bias and all, and leaves the core alone."""

    def __init__(self, env, hidden_size=128, **kwargs):
        super(Oyster, self).__init__(env, LSTMNet(env, hidden_size, num_layers=1), **kwargs)

    def clip_weights(self):
        if self.clip_range > 0:
            for m in self.modules():
                if isinstance(m, nn.Linear):
                    m.weight.clamp_(-self.clip_range, self.clip_range)
                    m.bias.clamp_(-self.clip_range, self.clip_range)
