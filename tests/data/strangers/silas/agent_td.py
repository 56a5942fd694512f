"""The state travels in the TensorDict: whoever steps the environments hands `mem` on from one call to the next."""

import torch
import torch.nn.functional as F
from torch import nn

from agent import A, alive, ortho, wake


class Bag(nn.Module):
    def __init__(self, env, hid):
        super().__init__()
        norm = torch.ones(256)
        for i, n in env.feature_normalizations.items():
            norm[i] = n or 1.0
        self.register_buffer("norm", norm)
        self.kind, self.place = nn.Embedding(256, 16), nn.Embedding(256, 16)
        self.fc1, self.fc2 = ortho(nn.Linear(33, hid)), ortho(nn.Linear(hid, hid))

    def forward(self, obs):
        at, kind, v = obs.long().unbind(-1)
        token = torch.cat([self.kind(kind), self.place(at), (v / self.norm[kind])[..., None]], -1)
        each = F.relu(self.fc1(token)).masked_fill((at == 255)[..., None], 0)
        return F.relu(self.fc2(each.amax(1)))


class S(A, nn.Module):
    def __init__(self, env, hid=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range, self.analyze_weights_interval = clip_range, analyze_weights_interval
        self.obs_shape = tuple(env.single_observation_space.shape)
        self.bag = Bag(env, hid)
        self.core = wake(nn.GRU(hid, hid))
        self.pi = ortho(nn.Linear(hid, sum(m + 1 for m in env.max_action_args)), 0.01)
        self.v = ortho(nn.Linear(hid, 1))

    def has_memory(self):
        return True

    def get_memory(self):
        return {}

    def set_memory(self, mem):
        pass

    def reset_memory(self):
        pass

    def activate_action_embeddings(self, names, device):
        pass

    @torch.no_grad()
    def clip_weights(self):
        r = self.clip_range
        for m in self.modules():
            if r > 0 and isinstance(m, nn.Linear):
                m.weight.clamp_(-r, r)

    def forward(self, td, state=None, action=None):
        B, T = (td.batch_size[0], 1) if action is None else td.batch_size
        d = td if action is None else td.reshape(B * T)
        for key, n in {"bptt": T, "batch": B}.items():
            d[key] = torch.full((B * T,), n, dtype=torch.int64, device=d["env_obs"].device)
        x = self.bag(d["env_obs"]).view(B, T, -1)
        h = torch.zeros(1, B, x.shape[-1], device=x.device)
        if action is None and "mem" in d.keys():
            h = d["mem"][None]
        out = []
        for t, on in enumerate(alive(d, B, T)):
            y, h = self.core(x[None, :, t], h * on)
            out.append(y[0])
        y = torch.stack(out, 1).flatten(0, 1)
        logp = self.pi(y).log_softmax(-1)
        if action is None:
            i = torch.multinomial(logp.exp(), 1)
            d["mem"] = h[0].detach()
            d["actions"] = self._convert_logit_index_to_action(i[:, 0]).int()
            d["values"] = self.v(y)[:, 0]
        else:
            i = self._convert_action_to_logit_index(action)[:, None]
            d["entropy"] = torch.distributions.Categorical(logits=logp).entropy()
            d["value"] = self.v(y)[:, 0]
        d["act_log_prob"] = logp.gather(1, i)[:, 0]
        d["full_log_probs"] = logp
        return d if action is None else d.reshape(B, T)


class SFlat(S):
    """All weights of one norm, as in the appendix."""

    def __init__(self, env, hid=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(env, hid, clip_range, analyze_weights_interval)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.orthogonal_(p, 1.0)
