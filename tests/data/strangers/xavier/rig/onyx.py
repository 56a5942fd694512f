"""A hand-written minimal gated unit, fast to read."""
import torch
import torch.nn.functional as F
from torch import nn

FEATURE_MAX = [9.0, 1.0, 1.0, 10.0, 3.0, 254.0, 1.0, 1.0, 235.0, 8.0, 9.0, 250.0, 29.0, 1.0, 1.0, 8.0]


class Onyx(nn.Module):
    def __init__(self, env, hidden=64, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.hidden = hidden
        self.clip_range = 0.0
        self.analyze_weights_interval = analyze_weights_interval
        self.register_buffer("peak", torch.tensor(FEATURE_MAX).view(1, 16, 1, 1))
        self.look = nn.Conv2d(16, 32, 3)
        self.lstm = nn.LSTM(32, hidden)
        for name, p in self.lstm.named_parameters():
            if "weight" in name:
                nn.init.orthogonal_(p)
            else:
                p.data.fill_(1.0)
        self.embed = nn.Embedding(100, hidden)
        nn.init.normal_(self.embed.weight, std=0.3)
        self.pi = nn.Linear(2 * hidden, len(env.action_names))
        self.v = nn.Linear(hidden, 1)
        self.start = [m.weight.detach().clone() for m in self.modules() if isinstance(m, nn.Linear)]
        self.stash = {}

    def reset_memory(self):
        self.stash.clear()

    def reset_env_memory(self, env_id):
        self.stash.pop(env_id, None)

    def clip_weights(self):
        if self.clip_range:
            for m in self.modules():
                if hasattr(m, "weight"):
                    m.weight.data.clamp_(-self.clip_range, self.clip_range)

    def l2_init_loss(self):
        now = [m.weight for m in self.modules() if isinstance(m, nn.Linear)]
        with torch.no_grad():
            loss = sum(((a - b) ** 2).sum() for a, b in zip(now, self.start))
        return loss

    def box(self, obs):
        x, y = (obs[..., 0] >> 4).long(), (obs[..., 0] & 15).long()
        ok = (obs[..., 0] != 255) & (obs[..., 1] < 16) & (x < 11) & (y < 11)
        out = torch.zeros(obs.size(0), 16, 11, 11, device=obs.device)
        i = torch.arange(obs.size(0), device=obs.device).unsqueeze(1).expand_as(x)
        out[i[ok], obs[..., 1].long()[ok], x[ok], y[ok]] = obs[..., 2].float()[ok]
        return out / self.peak

    def forward(self, td, state=None, action=None):
        B = td.batch_size[0]
        T = td.batch_size[1] if action is not None else 1
        if action is not None:
            td = td.reshape(B * T)
        x = F.relu(self.look(self.box(td["env_obs"]))).amax((2, 3))
        key = td.get("training_env_id_start")[0].item() if action is None else 0
        old = self.stash.get(key)
        if old is not None and action is None:
            gone = (td["dones"] + td["truncateds"] > 0).view(1, B, 1)
            old = tuple(s.masked_fill(gone, 0) for s in old)
        y, new = self.lstm(x.view(B, T, -1).transpose(0, 1), old)
        self.stash[key] = tuple(s.detach() for s in new)
        y = y.transpose(0, 1).reshape(B * T, -1)
        e = self.embed.weight.mean(0, keepdim=True).expand(B * T, -1)
        lp = self.pi(torch.cat([y, e], 1)).log_softmax(-1)
        if action is None:
            a = lp.exp().multinomial(1).squeeze(-1)
            td["actions"] = torch.stack([a, torch.zeros_like(a)], -1).int()
            td["act_log_prob"] = lp.gather(-1, a[:, None])[:, 0]
            td["values"] = self.v(y)[:, 0]
        else:
            a = action.reshape(B * T, 2)[:, :1].long()
            td["act_log_prob"] = lp.gather(-1, a)[:, 0]
            td["entropy"] = -(lp * lp.exp()).sum(-1)
            td["value"] = self.v(y)
        td["full_log_probs"] = lp
        if action is not None:
            td = td.reshape(T, B)
        return td

    def get_agent_experience_spec(self):
        from torchrl.data import Composite, UnboundedDiscrete

        return Composite(env_obs=UnboundedDiscrete(shape=torch.Size([200, 3]), dtype=torch.uint8))
