# mole = mean token mlp + 2 layer lstm. works on my machine
import torch
import torch.nn as nn
import torch.nn.functional as F

from nets import TokenMLP, ortho


class Mole(nn.Module):
    def __init__(self, env, hidden_size=128, **kwargs):
        super().__init__()
        self.hidden_size = hidden_size
        self.net = TokenMLP(hidden_size)
        self.lstm = nn.LSTM(hidden_size, hidden_size, 2)
        self.value_fn = ortho(nn.Linear(hidden_size, 1), 1.0)
        self.action_embeddings = nn.Embedding(100, 16)
        self.query = ortho(nn.Linear(hidden_size, 16))
        self.hx = None
        self.clip_range = kwargs.get("clip_range", 0)
        self.analyze_weights_interval = kwargs.get("analyze_weights_interval", 300)

    def has_memory(self):
        return True

    def get_memory(self):
        return self.hx

    def set_memory(self, m):
        self.hx = m

    def reset_memory(self):
        self.hx = None

    def activate_action_embeddings(self, names, device):
        self.num_actions = len(names)

    def clip_weights(self):
        if self.clip_range > 0:
            for p in self.parameters():
                p.data.clamp(-self.clip_range, self.clip_range)

    def forward(self, td, state=None, action=None):
        obs = td["env_obs"]
        if action is not None:
            B, T = obs.shape[0], obs.shape[1]
            td = td.reshape(B * T)
            obs = td["env_obs"]
        else:
            B, T = obs.shape[0], 1
        td["bptt"] = torch.full((B * T,), T, dtype=torch.long, device=obs.device)
        td["batch"] = torch.full((B * T,), B, dtype=torch.long, device=obs.device)

        z = self.net(obs).view(B, T, -1).transpose(0, 1)
        if self.hx is not None and "dones" in td.keys() and "truncateds" in td.keys():
            keep = 1.0 - torch.logical_or(td["dones"].bool(), td["truncateds"].bool()).float()
            keep = keep.view(1, -1, 1)
            self.hx = (self.hx[0] * keep, self.hx[1] * keep)
        out, self.hx = self.lstm(z, self.hx)
        out = out.transpose(0, 1).reshape(B * T, -1)

        e = self.action_embeddings.weight[: self.num_actions]
        logits = torch.tanh(self.query(out) @ e.t())
        logp = F.log_softmax(logits, dim=1)
        v = self.value_fn(out)
        if action is None:
            a = torch.multinomial(logp.exp(), 1).squeeze(1)
            td["actions"] = self.action_index_tensor[a].int()
            td["act_log_prob"] = logp.gather(1, a.unsqueeze(1)).squeeze(1)
            td["value"] = v.squeeze(1)
            td["full_log_probs"] = logp
            return td
        act = action.reshape(B * T, 2).long()
        idx = act[:, 0] + self.cum_action_max_params[act[:, 0]] + act[:, 1]
        td["act_log_prob"] = logp.gather(1, idx.unsqueeze(1)).squeeze(1)
        td["entropy"] = -(logp * logp.exp()).sum(1)
        td["value"] = v
        td["full_log_probs"] = logp
        return td.reshape(B, T)
