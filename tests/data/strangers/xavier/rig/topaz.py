"""Onyx, cut properly: the gated unit is ours and the state goes through the TensorDict."""
import torch
from torch import nn


class MinimalUnit(nn.Module):
    """f = s(W[x, h]); h' = (1 - f) h + f tanh(U[x, f h])."""

    def __init__(self, inputs, width):
        super().__init__()
        self.gate = nn.Linear(inputs + width, width)
        self.update = nn.Linear(inputs + width, width)

    def forward(self, x, h):
        f = torch.sigmoid(self.gate(torch.cat([x, h], -1)))
        new = torch.tanh(self.update(torch.cat([x, f * h], -1)))
        return (1 - f) * h + f * new


class Topaz(nn.Module):
    def __init__(self, env, width=64, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.width = width
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.tokens = nn.Sequential(nn.Linear(3, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.unit = MinimalUnit(width, width)
        self.pi = nn.Linear(width, sum(m + 1 for m in env.max_action_args))
        self.v = nn.Linear(width, 1)
        self.register_buffer("past", torch.zeros(4096, width), persistent=False)
        self.start = [p.detach().clone() for p in self.pi.parameters()]

    def __getstate__(self):
        state = self.__dict__.copy()
        state["_buffers"] = {**state["_buffers"], "past": torch.zeros(4096, self.width)}
        return state

    def has_memory(self):
        return True

    def get_memory(self):
        return self.past.clone()

    def set_memory(self, past):
        self.past.copy_(past)

    def reset_memory(self):
        self.past.zero_()

    def clip_weights(self):
        if self.clip_range > 0:
            for layer in (self.pi, self.v, self.unit.gate, self.unit.update):
                layer.weight.data.clamp_(-self.clip_range, self.clip_range)

    def l2_init_loss(self):
        return sum((p - s.to(p.device)).square().sum() for p, s in zip(self.pi.parameters(), self.start))

    def features(self, obs):
        real = (obs[..., :1] != 255).float()
        return (self.tokens(obs.float() / 255) * real).sum(-2)

    def forward(self, td, state=None, action=None):
        return self.play(td) if action is None else self.study(td, action)

    def play(self, td):
        x = self.features(td["env_obs"])
        rows = torch.arange(x.shape[0], device=x.device)
        td["bptt"] = torch.ones_like(rows)
        td["batch"] = torch.full_like(rows, x.shape[0])
        if "training_env_id_start" in td.keys():
            rows = rows + td["training_env_id_start"][:1]
        h = self.past[rows]
        if "dones" in td.keys():
            h = h * (td["dones"].view(-1, 1) == 0)
        if "truncateds" in td.keys():
            h = h * (td["truncateds"].view(-1, 1) == 0)
        h = self.unit(x, h)
        self.past[rows] = h.detach()
        lp = self.pi(h).log_softmax(-1)
        a = lp.exp().multinomial(1)
        td["actions"] = self.action_index_tensor[a[:, 0]].int()
        td["act_log_prob"] = lp.gather(-1, a)[:, 0]
        td["values"] = self.v(h)[:, 0]
        td["full_log_probs"] = lp
        return td

    def study(self, td, action):
        B, T = td.batch_size
        flat = td.reshape(B * T)
        flat["bptt"] = torch.full((B * T,), T, dtype=torch.int64, device=action.device)
        flat["batch"] = torch.full((B * T,), B, dtype=torch.int64, device=action.device)
        x = self.features(flat["env_obs"]).view(B, T, -1)
        h, hs = x.new_zeros(B, self.width), []
        for t in range(T):
            h = self.unit(x[:, t], h)
            hs.append(h)
        y = torch.stack(hs, 1).view(B * T, -1)
        lp = self.pi(y).log_softmax(-1)
        pair = action.view(B * T, 2).long()
        a = pair[:, :1] + self.cum_action_max_params[pair[:, :1]] + pair[:, 1:]
        flat["act_log_prob"] = lp.gather(-1, a)[:, 0]
        flat["entropy"] = -(lp * lp.exp()).sum(-1)
        flat["value"] = self.v(y)
        flat["full_log_probs"] = lp
        return flat.view(B, T)
