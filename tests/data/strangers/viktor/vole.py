# vole: mole after the review. caller of the old one please switch
import torch
import torch.nn as nn
import torch.nn.functional as F

from nets import TokenMLP, ortho


class Vole(nn.Module):
    def __init__(self, env, hidden_size=128, clip_range=0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.net = TokenMLP(hidden_size)
        self.lstm = nn.LSTM(hidden_size, hidden_size, 2)
        for n, p in self.lstm.named_parameters():
            if "bias" in n:
                nn.init.constant_(p, 1)
            else:
                nn.init.orthogonal_(p, 1)
        self.value_fn = ortho(nn.Linear(hidden_size, 1), 1.0)
        self.action_embeddings = nn.Embedding(100, 16)
        nn.init.orthogonal_(self.action_embeddings.weight)
        with torch.no_grad():
            w = self.action_embeddings.weight
            w.mul_(0.1 / w.abs().max())
        self.query = ortho(nn.Linear(hidden_size, 16))
        self.num_actions = 100
        self.max_envs = 8192
        self.register_buffer("mem_h", torch.zeros(2, self.max_envs, hidden_size), persistent=False)
        self.register_buffer("mem_c", torch.zeros(2, self.max_envs, hidden_size), persistent=False)

    def __getstate__(self):
        d = self.__dict__.copy()
        d["_buffers"] = dict(d["_buffers"])
        for k in ("mem_h", "mem_c"):
            d["_buffers"][k] = torch.zeros_like(d["_buffers"][k])
        return d

    def has_memory(self):
        return True

    def get_memory(self):
        return self.mem_h.clone(), self.mem_c.clone()

    def set_memory(self, m):
        self.mem_h.copy_(m[0])
        self.mem_c.copy_(m[1])

    def reset_memory(self):
        self.mem_h.zero_()
        self.mem_c.zero_()

    def activate_action_embeddings(self, names, device):
        self.num_actions = len(names)

    def clip_weights(self):
        if self.clip_range > 0:
            for m in self.modules():
                if isinstance(m, nn.Linear):
                    m.weight.data.clamp_(-self.clip_range, self.clip_range)

    def heads(self, out):
        e = self.action_embeddings.weight[: self.num_actions]
        return F.log_softmax(torch.tanh(self.query(out)) @ e.t(), dim=1), self.value_fn(out)

    def forward(self, td, state=None, action=None):
        if action is None:
            return self.step(td)
        B, T = td.batch_size
        td = td.reshape(B * T)
        dev = td["env_obs"].device
        td["bptt"] = torch.full((B * T,), T, dtype=torch.long, device=dev)
        td["batch"] = torch.full((B * T,), B, dtype=torch.long, device=dev)
        z = self.net(td["env_obs"]).view(B, T, -1).transpose(0, 1)
        out, _ = self.lstm(z)
        logp, v = self.heads(out.transpose(0, 1).reshape(B * T, -1))
        act = action.reshape(B * T, 2).long()
        idx = act[:, 0] + self.cum_action_max_params[act[:, 0]] + act[:, 1]
        td["act_log_prob"] = logp.gather(1, idx.unsqueeze(1)).squeeze(1)
        td["entropy"] = -(logp * logp.exp()).sum(1)
        td["value"] = v
        td["full_log_probs"] = logp
        return td.reshape(B, T)

    def step(self, td):
        B = td.batch_size[0]
        obs = td["env_obs"]
        td["bptt"] = torch.ones(B, dtype=torch.long, device=obs.device)
        td["batch"] = torch.ones(B, dtype=torch.long, device=obs.device) * B
        ids = torch.arange(B, device=obs.device)
        if "training_env_id_start" in td.keys():
            ids = ids + td["training_env_id_start"][0]
        h, c = self.mem_h[:, ids], self.mem_c[:, ids]
        for flag in ("dones", "truncateds"):
            if flag in td.keys():
                alive = (1 - td[flag].float()).view(1, B, 1)
                h, c = h * alive, c * alive
        out, (h, c) = self.lstm(self.net(obs).unsqueeze(0), (h, c))
        self.mem_h[:, ids] = h.detach()
        self.mem_c[:, ids] = c.detach()
        logp, v = self.heads(out[0])
        a = torch.multinomial(logp.exp(), 1).squeeze(1)
        td["actions"] = self.action_index_tensor[a].int()
        td["act_log_prob"] = logp.gather(1, a.unsqueeze(1)).squeeze(1)
        td["values"] = v.squeeze(1)
        td["full_log_probs"] = logp
        return td
