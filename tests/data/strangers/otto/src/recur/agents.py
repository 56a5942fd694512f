import torch
from tensordict import TensorDict
from torch import nn

from .mixins import ClipMixin, FlatMixin, RememberMixin
from .nets import LooseBox, SumHead, TokenMLP, ortho


def make_cells(width, depth):
    cells = nn.ModuleList([nn.LSTMCell(width, width) for _ in range(depth)])
    for cell in cells:
        nn.init.orthogonal_(cell.weight_ih)
        nn.init.orthogonal_(cell.weight_hh)
        nn.init.constant_(cell.bias_ih, 1)
        nn.init.constant_(cell.bias_hh, 1)
    return cells


class CellStack(FlatMixin, RememberMixin, ClipMixin, nn.Module):
    """LSTM cells, one step after the other."""

    def __init__(self, env, width=128, depth=2, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.width = width
        self.encoder = TokenMLP(width)
        self.cells = make_cells(width, depth)
        self.pi = ortho(nn.Linear(width, sum(n + 1 for n in env.max_action_args)), gain=0.01)
        self.vf = ortho(nn.Linear(width, 1), gain=1.0)
        self.init_memory()
        self.snapshot_l2()

    def one_step(self, x, states):
        new = []
        for cell, (h, c) in zip(self.cells, states):
            h, c = cell(x, (h, c))
            new.append((h, c))
            x = h
        return x, new

    @torch.compiler.disable
    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        td, b, t = self.fold(td)
        x = self.encoder(td["env_obs"]).view(b, t, self.width)
        group = self.group_of(td)
        states = self._groups.get(group)
        if states is None:
            zero = x.new_zeros(b, self.width)
            states = [(zero, zero) for _ in self.cells]
        if action is None:
            keep = 1 - self.ended(td, b)
            states = [(h * keep, c * keep) for h, c in states]
        outs = []
        for i in range(t):
            out, states = self.one_step(x[:, i], states)
            outs.append(out)
        self._groups[group] = [(h.detach(), c.detach()) for h, c in states]
        out = torch.stack(outs, dim=1).view(b * t, self.width)
        if action is None:
            return self.rollout(td, self.pi(out), self.vf(out))
        return self.evaluate(td, self.pi(out), self.vf(out), action, b, t)


class DeepStack(CellStack):
    def __init__(self, env, width=256, depth=3, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(
            env, width, depth, clip_range=clip_range, analyze_weights_interval=analyze_weights_interval
        )
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(depth)])

    def one_step(self, x, states):
        new = []
        for cell, norm, pair in zip(self.cells, self.norms, states):
            pair = cell(x, pair)
            new.append(pair)
            x = norm(pair[0])
        return x, new


class LooseStack(CellStack):
    """Quicker: forgets to be careful."""

    def __init__(self, env, width=128, depth=2, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(env, width, depth, analyze_weights_interval=analyze_weights_interval)
        self.encoder = LooseBox(env, width)
        self.pi = SumHead(width, sum(n + 1 for n in env.max_action_args))
        self.cells = nn.ModuleList(nn.LSTMCell(width, width) for _ in range(depth))
        self._h = None

    def l2_init_loss(self):
        total = 0.0
        for layer, start in zip(self.l2_layers, self.l2_start):
            total = total + (layer.weight.detach() - start).pow(2).sum()
        return total

    def reset_memory(self):
        pass

    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        b = td.batch_size[0]
        t = td.batch_size[1] if len(td.batch_size) > 1 else 1
        if t > 1 or len(td.batch_size) > 1:
            td = td.reshape(b * t)
        td["batch"] = torch.full((b * t,), b, dtype=torch.long, device=td.device)
        x = self.encoder(td["env_obs"]).view(b, t, self.width)
        if self._h is None:
            self._h = [(x.new_zeros(b, self.width), x.new_zeros(b, self.width)) for _ in self.cells]
        outs = []
        for i in range(t):
            out, self._h = self.one_step(x[:, i], self._h)
            outs.append(out)
        out = torch.stack(outs, dim=1).flatten(0, 1)
        if action is None:
            return self.rollout(td, self.pi(out), self.vf(out))
        dist = torch.distributions.Categorical(logits=self.pi(out))
        action = action.reshape(b * t, 2).long()
        index = self.cum_action_max_params[action[:, 0]] + action.sum(dim=1)
        td["act_log_prob"] = dist.log_prob(index)
        td["value"] = self.vf(out)
        td["full_log_probs"] = dist.logits
        return td.reshape(b, t)
