import torch
import torch.nn as nn
import torch.nn.functional as F
from tensordict import TensorDict


class Walker(nn.Module):
    # env: the vector env, the rest is from the yaml
    def __init__(self, env, hidden=128, layers=2, **kw):
        super().__init__()
        self.clip_range = kw.get("clip_range", 0)
        self.analyze_weights_interval = kw.get("analyze_weights_interval", 300)
        self.hidden = hidden
        self.layers = layers
        self.nf = max(env.feature_normalizations.keys()) + 1
        self.w = env.obs_width
        self.h = env.obs_height
        self.enc1 = nn.Linear(self.nf * self.w * self.h, 512)
        self.enc2 = nn.Linear(512, hidden)
        self.lstm = nn.LSTM(hidden, hidden, layers)
        for n, p in self.lstm.named_parameters():
            if "weight" in n:
                nn.init.orthogonal_(p, 1.0)
            elif "bias" in n:
                nn.init.constant_(p, 1.0)
        self.pi = nn.Linear(hidden, sum(m + 1 for m in env.max_action_args))
        self.v = nn.Linear(hidden, 1)
        self.hx = None
        self.cx = None

    def has_memory(self):
        return True

    def get_memory(self):
        return self.hx, self.cx

    def set_memory(self, mem):
        self.hx, self.cx = mem

    def reset_memory(self):
        self.hx = None
        self.cx = None

    def clip_weights(self):
        pass

    def boxed(self, tok):
        n = tok.shape[0]
        c = tok[:, :, 0].long()
        f = tok[:, :, 1].long()
        v = tok[:, :, 2].float()
        x = c >> 4
        y = c & 15
        keep = (c != 255) & (f < self.nf)
        box = torch.zeros(n, self.nf, self.w, self.h).to(tok.device)
        rows = torch.arange(n, device=tok.device).unsqueeze(1).expand_as(c)
        box[rows[keep], f[keep], x[keep], y[keep]] = v[keep]
        return box

    def encode(self, tok):
        box = self.boxed(tok)
        if box.max() > 1:
            box = box / 255.0
        z = F.relu(self.enc1(box.flatten(1)))
        return F.relu(self.enc2(z))

    def forward(self, td: TensorDict, state=None, action=None):
        if td.batch_dims > 1:
            B, T = td.batch_size
            td = td.reshape(B * T)
        else:
            B, T = td.batch_size[0], 1
        dev = td["env_obs"].device
        td["bptt"] = torch.full((B * T,), T, device=dev, dtype=torch.long)
        td["batch"] = torch.full((B * T,), B, device=dev, dtype=torch.long)

        z = self.encode(td["env_obs"])
        z = z.view(B, T, self.hidden).transpose(0, 1)
        if self.hx is None:
            self.hx = torch.zeros(self.layers, B, self.hidden)
            self.cx = torch.zeros(self.layers, B, self.hidden)
        z, (hx, cx) = self.lstm(z, (self.hx, self.cx))
        self.hx = hx.detach()
        self.cx = cx.detach()
        z = z.transpose(0, 1).reshape(B * T, self.hidden)

        logp = F.log_softmax(self.pi(z), dim=-1)
        value = self.v(z)
        if action is None:
            i = torch.multinomial(logp.exp(), 1).squeeze(1)
            td["actions"] = self.action_index_tensor[i].to(dtype=torch.int32)
            td["act_log_prob"] = logp.gather(1, i.unsqueeze(1)).squeeze(1)
            td["values"] = value.squeeze(1)
            td["full_log_probs"] = logp
        else:
            a = action.view(B * T, -1).long()
            i = a[:, 0] + self.cum_action_max_params[a[:, 0]] + a[:, 1]
            td["act_log_prob"] = logp.gather(1, i.unsqueeze(1)).squeeze(1)
            td["entropy"] = -(logp * logp.exp()).sum(1)
            td["values"] = value
            td["full_log_probs"] = logp
        return td
