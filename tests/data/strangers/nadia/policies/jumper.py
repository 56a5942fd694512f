import torch
import torch.nn as nn
import torch.nn.functional as F
from tensordict import TensorDict


def init_lstm(lstm):
    for n, p in lstm.named_parameters():
        if "bias" in n:
            p.data.fill_(1.0)
        else:
            nn.init.orthogonal_(p.data)


class Jumper(nn.Module):
    """like Walker but with the memory per env group"""

    def __init__(self, env, hidden=128, layers=2, clip_range=0, analyze_weights_interval=300, **kw):
        super().__init__()
        if kw:
            print("Jumper: ignoring unknown options", sorted(kw))
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.hidden = hidden
        self.layers = layers
        self.emb = nn.Embedding(256, 24)
        self.enc = nn.Linear(49, hidden)
        self.lstm = nn.LSTM(hidden, hidden, num_layers=layers)
        init_lstm(self.lstm)
        self.pi = nn.Linear(hidden, sum(m + 1 for m in env.max_action_args))
        self.v = nn.Linear(hidden, 1)
        self.mem = {}

    def has_memory(self):
        return True

    def get_memory(self):
        return dict(self.mem)

    def set_memory(self, mem):
        self.mem = dict(mem)

    def reset_memory(self):
        self.mem = {}

    def reset_env_memory(self, env_id):
        self.mem.pop(env_id, None)

    def __getstate__(self):
        d = dict(self.__dict__)
        d["mem"] = {}
        return d

    def clip_weights(self):
        if self.clip_range > 0:
            r = self.clip_range
            for m in self.modules():
                if isinstance(m, nn.Linear):
                    m.weight.data.clamp_(-r, r)

    def encode(self, tok):
        pad = tok[..., 0] == 255
        z = torch.cat([self.emb(tok[..., 0].long()), self.emb(tok[..., 1].long()), tok[..., 2:].float() / 255.0], -1)
        z = F.relu(self.enc(z))
        z = z.masked_fill(pad.unsqueeze(-1), 0)
        return z.sum(1) / 200.0

    @torch._dynamo.disable
    def forward(self, td: TensorDict, state=None, action=None):
        B = td.batch_size[0]
        T = td.batch_size[1] if td.batch_dims == 2 else 1
        train = action is not None
        if td.batch_dims == 2:
            td = td.reshape(B * T)
        obs = td["env_obs"]
        td["bptt"] = torch.full((B * T,), T, device=obs.device, dtype=torch.long)
        td["batch"] = torch.full((B * T,), B, device=obs.device, dtype=torch.long)
        z = self.encode(obs).view(B, T, -1).transpose(0, 1)

        gid = 0
        if "training_env_id_start" in td.keys():
            gid = td["training_env_id_start"][0].item()
        mem = self.mem.get(gid)
        if mem is None:
            mem = (
                torch.zeros(self.layers, B, self.hidden, device=obs.device),
                torch.zeros(self.layers, B, self.hidden, device=obs.device),
            )
        if not train:
            gone = torch.zeros(B, dtype=torch.bool, device=obs.device)
            for k in ("dones", "truncateds"):
                if k in td.keys():
                    gone = gone | td[k].bool().view(-1)
            mem = tuple(m.masked_fill(gone.view(1, -1, 1), 0.0) for m in mem)
        z, new = self.lstm(z, mem)
        self.mem[gid] = tuple(m.detach() for m in new)
        z = z.transpose(0, 1).reshape(B * T, -1)

        logp = F.log_softmax(self.pi(z), dim=-1)
        value = self.v(z)
        if not train:
            i = torch.multinomial(logp.exp(), 1).squeeze(1)
            td["actions"] = self.action_index_tensor[i].to(dtype=torch.int32)
            td["act_log_prob"] = logp.gather(1, i.unsqueeze(1)).squeeze(1)
            td["values"] = value.squeeze(1)
            td["full_log_probs"] = logp
            return td
        a = action.reshape(B * T, -1).long()
        i = a[:, 0] + self.cum_action_max_params[a[:, 0]] + a[:, 1]
        td["act_log_prob"] = logp.gather(1, i.unsqueeze(1)).squeeze(1)
        td["entropy"] = -(logp * logp.exp()).sum(1)
        td["value"] = value
        td["full_log_probs"] = logp
        return td.reshape(B, T)
