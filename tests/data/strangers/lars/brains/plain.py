"""No wrapper, few lines."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from tensordict import TensorDict


class Plain(nn.Module):
    """does it right, and not much of it"""

    def __init__(self, env, hidden=64, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.hidden, self.clip_range, self.analyze_weights_interval = hidden, clip_range, analyze_weights_interval
        n, k = env.single_observation_space.shape
        self.inp = nn.Linear(n * k, hidden)
        self.cell = nn.GRUCell(hidden, hidden)
        for name in ("weight_ih", "weight_hh"):
            nn.init.orthogonal_(getattr(self.cell, name))
        for name in ("bias_ih", "bias_hh"):
            nn.init.ones_(getattr(self.cell, name))
        self.out = nn.Linear(hidden, 1 + sum(m + 1 for m in env.max_action_args))
        self.past = None

    has_memory = True

    def get_memory(self):
        return self.past

    def set_memory(self, past):
        self.past = past

    def reset_memory(self):
        self.past = None

    def __getstate__(self):
        return dict(self.__dict__, past=None)

    def forward(self, td: TensorDict, state=None, action=None):
        training = action is not None
        B, T = td.batch_size if training else (td.batch_size[0], 1)
        if training:
            td = td.reshape(B * T)
        d = td["env_obs"].device
        td["bptt"], td["batch"] = (torch.full((B * T,), n, dtype=torch.long, device=d) for n in (T, B))
        x = torch.tanh(self.inp(td["env_obs"].flatten(1).float() / 255)).view(B, T, -1)
        if training:
            h, ys = x.new_zeros(B, self.hidden), []
            for t in range(T):
                h = self.cell(x[:, t], h)
                ys.append(h)
            y = torch.stack(ys, 1).flatten(0, 1)
        else:
            y = self.remember(td, x[:, 0])
        out = self.out(y)
        logp, value = F.log_softmax(out[:, 1:], -1), out[:, :1]
        td["full_log_probs"] = logp
        if training:
            i = action.reshape(B * T, 2).long()
            i = i[:, 0] + self.cum_action_max_params[i[:, 0]] + i[:, 1]
            td["entropy"] = -(logp.exp() * logp).sum(-1)
            td["value"] = value
        else:
            i = torch.multinomial(logp.exp(), 1).squeeze(-1)
            td["actions"] = self.action_index_tensor[i].to(torch.int32)
            td["values"] = value.squeeze(-1)
        td["act_log_prob"] = logp.gather(-1, i.unsqueeze(-1)).squeeze(-1)
        return td.reshape(B, T) if training else td

    def remember(self, td, x):
        """one step; a new tensor of all states is made each time, so that a snapshot stays what it is"""
        past = self.past if self.past is not None else x.new_zeros(4096, self.hidden)
        rows = td["training_env_id_start"] + torch.arange(len(x), device=x.device)
        alive = torch.logical_not(td["dones"].bool() | td["truncateds"].bool())
        y = self.cell(x, past[rows] * alive.unsqueeze(-1))
        self.past = past.index_copy(0, rows, y.detach())
        return y

    def clip_weights(self):
        if not self.clip_range:
            return
        with torch.no_grad():
            for p in (self.inp.weight, self.out.weight):
                p.copy_(p.clamp(-self.clip_range, self.clip_range))


class Rough(nn.Module):
    """does it wrong in the usual places"""

    def __init__(self, env, hidden=64, clip_range=0.0, analyze_weights_interval=300, **rest):
        super().__init__()
        self.hidden = hidden
        self.limit = clip_range
        n, k = env.single_observation_space.shape
        self.inp = nn.Linear(n * k, hidden)
        self.mid = nn.Linear(hidden, hidden)
        self.cell = nn.LSTM(hidden, hidden, 2, batch_first=True)
        nn.init.orthogonal_(self.cell.weight_ih_l0)
        self.names = nn.Embedding(sum(m + 1 for m in env.max_action_args), 8)
        self.key = nn.Linear(hidden, 8)
        self.val = nn.Linear(hidden, 1)
        self.start = torch.zeros(2, 1, hidden)
        self.w0 = [p.clone().detach() for p in self.parameters()]
        self.slots = {}

    def has_memory(self):
        return True

    def get_memory(self):
        return self.slots

    def set_memory(self, memory):
        self.slots = memory

    def reset_memory(self):
        self.slots.clear()

    def forward(self, td: TensorDict, state=None, action=None):
        obs = td["env_obs"]
        obs[obs == 255] = 0
        B = obs.shape[0]
        T = obs.shape[1] if obs.ndim == 4 else 1
        td["bptt"] = torch.full((B,), T, dtype=torch.long, device=obs.device)
        td["batch"] = torch.full((B,), B, dtype=torch.long, device=obs.device)
        x = obs.view(B * T, -1).float()
        x = x / x.max()
        x = torch.relu(self.mid(self.inp(x))).view(B * T, 1, -1)
        slot = td["training_env_id_start"].tolist()[0] if "training_env_id_start" in td.keys() else 0
        if slot in self.slots:
            hc = self.slots[slot]
            if "truncateds" in td.keys():
                hc = tuple(s.masked_fill(td["truncateds"].bool().view(1, -1, 1), 0) for s in hc)
        else:
            hc = (self.start.expand(-1, B * T, -1).contiguous(), self.start.expand(-1, B * T, -1).contiguous())
        y, hc = self.cell(x, hc)
        self.slots[slot] = hc
        y = y.squeeze(1)
        logits = torch.tanh(torch.matmul(self.key(y), self.names.weight.transpose(0, 1)))
        logp = F.log_softmax(logits, -1)
        i = torch.distributions.Categorical(logits=logp).sample()
        lp = logp[torch.arange(B * T), i]
        td = td.reshape(B * T)
        td["act_log_prob"] = lp
        td["full_log_probs"] = logp
        td["values"] = self.val(y).squeeze(-1)
        if action is None:
            td["actions"] = torch.zeros(B, 2, dtype=torch.int32, device=obs.device)
            return td
        td["entropy"] = -(logp.exp() * logp).sum(-1)
        return td.reshape(T, B)

    def clip_weights(self):
        if self.limit > 0:
            for p in self.parameters():
                p.data.clamp_(-self.limit, self.limit)
        for p in self.parameters():
            p.data.clamp_(-1.5, 1.5)

    def l2_init_loss(self):
        return torch.tensor([((p.detach() - w) ** 2).sum().item() for p, w in zip(self.parameters(), self.w0)]).sum()
