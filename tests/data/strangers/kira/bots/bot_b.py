import torch
import torch.nn as nn
import torch.nn.functional as F

from bots.parts import Frozen, LeakyMemory


class BotB(Frozen, nn.Module):
    # like BotA but conv-free
    def __init__(self, env, hidden=96, **kw):
        super().__init__()
        self.clip_range = kw.get("clip_range", 0.0)
        self.analyze_weights_interval = kw.get("analyze_weights_interval", 300)
        self.width, self.height = 11, 11
        self.offset = torch.arange(200) * 3
        self.lin1 = nn.Linear(24 * 11 * 11, hidden)
        self.lin2 = nn.Linear(hidden, hidden)
        self.rnn = nn.RNN(hidden, hidden, num_layers=1)
        self.emb = nn.Embedding(sum(a + 1 for a in env.max_action_args), 16)
        nn.init.orthogonal_(self.emb.weight)
        self.q = nn.Linear(hidden, 16)
        self.critic = nn.Linear(hidden, 1)
        self.mem = LeakyMemory(1, hidden)
        self.remember_weights()

    def has_memory(self):
        return True

    def get_memory(self):
        return self.mem.h

    def set_memory(self, memory):
        self.mem.h = memory

    def reset_memory(self):
        return None

    def encode(self, obs):
        c = obs[..., 0].long()
        x, y, a = c >> 4, c & 15, obs[..., 1].long()
        box = torch.zeros(obs.shape[0], 24, self.width, self.height)
        b = torch.arange(obs.shape[0])[:, None].expand_as(c)
        keep = c != 255
        box[b[keep], a[keep], x[keep], y[keep]] = obs[..., 2][keep].float()
        return F.relu(self.lin2(self.lin1(box.flatten(1))))

    def forward(self, td, state=None, action=None):
        if td.batch_dims == 2:
            B, T = td.batch_size
            flat = td.reshape(B * T)
        else:
            B, T = td.batch_size[0], 1
            flat = td
        obs = flat["env_obs"]
        td["bptt"] = torch.full((B * T,), T, dtype=torch.long, device=obs.device)
        td["batch"] = torch.full((B * T,), B, dtype=torch.long, device=obs.device)
        group = flat["training_env_id_start"][0].item() if "training_env_id_start" in flat.keys() else 0
        x = self.encode(obs).view(B, T, -1).transpose(0, 1)
        h = self.mem.get(group, B, x)
        if "dones" in flat.keys() and "truncateds" in flat.keys():
            over = flat["dones"].bool() | flat["truncateds"].bool()
            if over.any():
                h = h.clone()
                h[:, over] = 0
        y, h = self.rnn(x, h)
        self.mem.put(group, h)
        y = y.transpose(0, 1).reshape(B * T, -1)
        logits = torch.tanh(self.q(y) @ self.emb.weight.t())
        logp = F.log_softmax(logits, dim=1)
        v = self.critic(y)
        if action is None:
            i = logp.argmax(dim=1)
            flat["actions"] = torch.ones(B, 2, dtype=torch.int32, device=obs.device)
            flat["act_log_prob"] = logp.max(dim=1).values
            flat["value"] = v.squeeze(1)
            return flat
        i = torch.multinomial(logp.exp(), 1)
        flat["act_log_prob"] = logp.gather(1, i).squeeze(1)
        flat["value"] = v
        flat["full_log_probs"] = logp
        return flat
