import numpy as np
import pufferlib.models
import pufferlib.pytorch
import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import nn


class Runner(pufferlib.models.LSTMWrapper):
    def __init__(self, env, policy=None, input_size=128, hidden_size=128):
        if policy is None:
            policy = RunnerNet(env, hidden_size)
        super().__init__(env, policy, input_size, hidden_size)

    def forward(self, td: TensorDict, state=None, action=None):
        obs = td["env_obs"]
        if obs.dim() == 4:
            B, T = obs.shape[0], obs.shape[1]
        else:
            B, T = obs.shape[0], 1
        x = self.policy.encode(obs.reshape(B * T, obs.shape[-2], 3))
        x = x.view(B, T, -1).permute(1, 0, 2)
        out, new_state = self.lstm(x, None)
        flat = out.permute(1, 0, 2).reshape(B * T, -1)
        logits, value = self.policy.decode(flat)
        logp = F.log_softmax(logits, -1)

        if action is None:
            ix = torch.multinomial(logp.exp(), 1).view(-1)
            td["actions"] = self.action_index_tensor[ix].to(torch.int32)
            td["act_log_prob"] = logp[torch.arange(B, device=obs.device), ix]
            td["values"] = value.view(-1)
            td["full_log_probs"] = logp
        else:
            a = action.reshape(B * T, 2)
            ix = self.to_index(a)
            lp = logp[torch.arange(B * T, device=obs.device), ix]
            ent = -(logp.exp() * logp).sum(-1)
            td["act_log_prob"] = lp.view(B, T)
            td["entropy"] = ent.view(B, T)
            td["value"] = value.view(B, T)
            td["full_log_probs"] = logp.view(B, T, -1)
        return td

    def to_index(self, a):
        kind = a[:, 0].long()
        arg = a[:, 1].long()
        base = self.cum_action_max_params[kind]
        return base + arg


class RunnerNet(nn.Module):
    def __init__(self, env, hidden_size=128):
        super().__init__()
        self.cnn = nn.Sequential(
            pufferlib.pytorch.layer_init(nn.Conv2d(22, 64, 5, stride=3)),
            nn.ReLU(),
            pufferlib.pytorch.layer_init(nn.Conv2d(64, 64, 3)),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.fc = pufferlib.pytorch.layer_init(nn.Linear(64, hidden_size))
        self.critic = pufferlib.pytorch.layer_init(nn.Linear(hidden_size, 1), std=1.0)
        self.actor = pufferlib.pytorch.layer_init(nn.Linear(hidden_size, 512))
        self.action_emb = nn.Embedding(100, 16)
        self.heads = nn.ModuleList(
            [pufferlib.pytorch.layer_init(nn.Linear(512 + 16, int(n)), std=0.01) for n in env.single_action_space.nvec]
        )

    def encode(self, tok):
        tok[tok == 255] = 0
        c = tok[..., 0]
        x = (c >> 4).long()
        y = (c & 0xF).long()
        f = tok[..., 1].long()
        v = tok[..., 2].float()
        ok = (c != 0xFF) & (x < 11) & (y < 11) & (f < 22)
        box = torch.zeros(tok.shape[0], 22, 11, 11, device=tok.device)
        b = torch.arange(tok.shape[0], device=tok.device)[:, None].expand_as(x)
        box[b[ok], f[ok], x[ok], y[ok]] = v[ok]
        return torch.relu(self.fc(self.cnn(box)))

    def decode(self, h):
        value = self.critic(h)
        feat = self.actor(h)
        emb = self.action_emb.weight.mean(0, keepdim=True).repeat(h.shape[0], 1)
        feat = torch.cat((feat, emb), dim=1)
        logits = torch.cat([head(feat) for head in self.heads], 1)
        return logits, value
