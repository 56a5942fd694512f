import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import nn

from kit.nets import FlatHead, JointHead, RawCore, Scan, Sieve


class Sparrow(nn.Module):
    def __init__(self, env, width=64):
        super().__init__()
        self.eyes = Sieve(env, width)
        self.core = RawCore(width)
        self.head = FlatHead(env, width)

    @torch.compile(disable=True)
    def forward(self, td: TensorDict, state=None, action=None):
        T = 1 if td.batch_dims == 1 else td.batch_size[1]
        B = td.batch_size[0]
        rows = td.reshape(B * T)
        rows["batch"] = torch.full((B * T,), B, device=rows["env_obs"].device)
        rows["bptt"] = torch.full((B * T,), T, device=rows["env_obs"].device)
        x = self.core(self.eyes(rows["env_obs"]).view(B, T, -1).transpose(0, 1))
        logits, value = self.head(x.transpose(0, 1).reshape(B * T, -1))
        logp = F.log_softmax(logits, -1)
        if action is None:
            i = torch.multinomial(logp.exp(), 1)
            td["actions"] = self.action_index_tensor[i.squeeze(-1)].int()
            td["act_log_prob"] = logp.gather(-1, i).squeeze(-1)
            td["values"] = value.squeeze(-1)
            td["full_log_probs"] = logp
            td["bptt"], td["batch"] = rows["bptt"], rows["batch"]
            return td
        a = action.reshape(-1, 2).long()
        i = (self.cum_action_max_params[a[:, 0]] + a[:, 1]).unsqueeze(-1)
        rows["act_log_prob"] = logp.gather(-1, i).squeeze(-1)
        rows["entropy"] = -(logp.exp() * logp).sum(-1)
        rows["value"] = value
        rows["full_log_probs"] = logp
        return td

    def clip_weights(self):
        for name, p in list(self.head.out.named_parameters()):
            setattr(self.head.out, name, nn.Parameter(p.detach().clamp(-1, 1)))


class Kite(nn.Module):
    def __init__(self, env, width=64, num_layers=2, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.eyes = Scan(width)
        self.core = nn.LSTM(width, width)
        nn.init.orthogonal_(self.core.weight_hh_l0)
        self.head = JointHead(env, width)
        self.register_buffer("hx", torch.zeros(1, 512, width))
        self.register_buffer("cx", torch.zeros(1, 512, width))

    def has_memory(self):
        return True

    def get_memory(self):
        return self.hx, self.cx

    def set_memory(self, memory):
        self.hx.copy_(memory[0])
        self.cx.copy_(memory[1])

    def reset_memory(self):
        self.hx.zero_()
        self.cx.zero_()

    def forward(self, td: TensorDict, state=None, action=None):
        B, T = (td.batch_size[0], 1) if action is None else td.batch_size
        td["bptt"] = torch.full(td.batch_size, T, dtype=torch.long, device=td["env_obs"].device)
        td["batch"] = torch.full((B,), B, dtype=torch.long, device=td["env_obs"].device)
        rows = td.reshape(B * T)
        x = self.eyes(rows["env_obs"]).view(B, T, -1).transpose(0, 1)
        state = (self.hx[:, :B].contiguous(), self.cx[:, :B].contiguous())
        if action is None:
            state = tuple(s * (1 - td["dones"]).view(1, -1, 1) for s in state)
        y, (h, c) = self.core(x, state)
        with torch.no_grad():
            self.hx[:, :B] = h
            self.cx[:, :B] = c
        logits, value = self.head(y.transpose(0, 1).reshape(B * T, -1))
        logp = F.log_softmax(logits, -1)
        rows["full_log_probs"] = logp
        if action is None:
            i = torch.multinomial(logp.exp(), 1)
            rows["actions"] = self.action_index_tensor[i.squeeze(-1)].int()
            rows["act_log_prob"] = logp.gather(-1, i).squeeze(-1)
            rows["value"] = value.squeeze(-1)
            return rows
        a = action.reshape(-1, 2).long()
        i = (a[:, 0] + self.cum_action_max_params[a[:, 0]] + a[:, 1]).unsqueeze(-1)
        rows["act_log_prob"] = logp.gather(-1, i).squeeze(-1)
        rows["value"] = value
        return rows.reshape(B, T)

    def clip_weights(self):
        with torch.no_grad():
            for p in self.head.parameters():
                p.clamp_(-0.2, 0.2)
