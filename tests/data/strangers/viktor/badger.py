import torch
import torch.nn as nn
import torch.nn.functional as F

from nets import GlobalScaler, ortho


class Badger(nn.Module):
    """GRU agent with one head per action dimension."""

    def __init__(self, env, hidden=256):
        super(Badger, self).__init__()
        self.scaler = GlobalScaler(hidden)
        self.gru = nn.GRU(hidden, hidden, num_layers=1, batch_first=True)
        for n, p in self.gru.named_parameters():
            if n.startswith("bias"):
                nn.init.zeros_(p)
            else:
                nn.init.orthogonal_(p)
        self.heads = nn.ModuleList([ortho(nn.Linear(hidden, int(n)), 0.01) for n in env.single_action_space.nvec])
        self.baseline = ortho(nn.Linear(hidden, 1), 1)
        self.states = {}

    def has_memory(self):
        return True

    def get_memory(self):
        return self.states

    def set_memory(self, states):
        self.states = states

    def reset_memory(self):
        pass

    def forward(self, td, state=None, action=None):
        if td.batch_dims == 2:
            B, T = td.batch_size
        else:
            B, T = td.batch_size[0], 1
        if td.batch_dims == 2:
            td = td.reshape(B * T)
        td["bptt"] = torch.full((B * T,), T)
        td["batch"] = torch.full((B * T,), B)
        key = 0
        if "training_env_id_start" in td.keys():
            key = td["training_env_id_start"][0].item()
        h = self.states.get(key)
        if h is not None:
            for flag in ("dones", "truncateds"):
                if flag in td.keys():
                    h = h * (1 - td[flag].float()).reshape(1, -1, 1)
        x = self.scaler(td["env_obs"]).view(B, T, -1)
        x, h = self.gru(x, h)
        self.states[key] = h
        x = x.reshape(B * T, -1)
        logits = torch.cat([head(x) for head in self.heads], dim=1)
        logp = F.log_softmax(logits, 1)
        p = logp.exp()
        sampled = torch.multinomial(p, 1)[:, 0]
        if action is None:
            td["actions"] = self.action_index_tensor[sampled].to(torch.int32)
            td["act_log_prob"] = logp[torch.arange(B, device=logp.device), sampled]
            td["values"] = self.baseline(x)[:, 0]
            td["full_log_probs"] = logp
            return td
        td["act_log_prob"] = logp[torch.arange(B * T, device=logp.device), sampled]
        td["entropy"] = -(p * logp).sum(1)
        td["value"] = self.baseline(x)
        td["full_log_probs"] = logp
        return td.reshape(B, T)
