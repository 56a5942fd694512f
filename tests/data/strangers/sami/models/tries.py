import torch
import torch.nn as nn
import torch.nn.functional as F
from tensordict import TensorDict

from models import common


class RawBox(nn.Module):
    def __init__(self, env, width):
        super().__init__()
        self.env = env
        self.conv = nn.Conv2d(30, 32, 5, 2)
        self.out = nn.Linear(32 * 16, width)
        self.register_buffer("scale", torch.tensor([9.0, 1, 1, 10, 3, 254, 1, 1, 235, 8, 9, 250, 29, 1, 1]).repeat(2))

    def forward(self, tok):
        n, m, _ = tok.shape
        code = tok[..., 0].long()
        keep = code != 255
        cell = tok[..., 1].long() * 121 + (code >> 4) * 11 + (code & 15)
        cell = torch.where(keep, cell, 30 * 121)
        box = torch.zeros(n, 30 * 121 + 1, device=tok.device)
        box.scatter_(1, cell, tok[..., 2].float())
        box = box[:, :-1].reshape(n, 30, 11, 11) / self.scale.view(1, 30, 1, 1)
        return self.out(self.conv(box).relu().flatten(1)).relu()


class Trace(nn.Module):
    """Per-dimension heads."""

    def __init__(self, env, width=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.enc = RawBox(env, width)
        self.gru = common.rnn_weights(nn.GRU(width, width, 2))
        self.pi = nn.Linear(width, int(env.single_action_space.nvec.sum()))
        self.v = nn.Linear(width, 1)
        self.memory = common.Memo()

    def has_memory(self):
        return True

    def get_memory(self):
        return dict(self.memory)

    def set_memory(self, memory):
        self.memory = common.Memo(memory)

    def reset_memory(self):
        self.memory = common.Memo()

    @torch.no_grad()
    def clip_weights(self):
        for p in self.parameters():
            p.clamp_(-1.0, 1.0)

    @torch._dynamo.disable()
    def forward(self, td: TensorDict, state=None, action=None):
        td, b, t = common.flatten_time(td)
        common.put_stamps(td, b=b, t=t)
        z = self.enc(td["env_obs"]).view(b, t, -1).transpose(0, 1)
        slot = td["training_env_id_start"].cpu()[0] if "training_env_id_start" in td.keys() else 0
        slot = int(slot)
        h = self.memory.get(slot, torch.zeros(2, b, z.shape[-1]))
        if action is None:
            alive = (1 - td["dones"].float()) * (1 - td["truncateds"].float())
            h = h * alive.view(1, b, 1)
        z, h = self.gru(z, h)
        self.memory[slot] = h.detach()
        z = z.transpose(0, 1).reshape(b * t, -1)
        logp = F.log_softmax(self.pi(z), -1)
        sampled = torch.multinomial(logp.exp(), 1)
        td["act_log_prob"] = logp.gather(1, sampled).squeeze(1)
        td["full_log_probs"] = logp
        if action is None:
            td["actions"] = self.action_index_tensor[sampled.squeeze(1)].int()
            td["values"] = self.v(z).squeeze(1)
            return td
        td["entropy"] = -(logp.exp() * logp).sum(-1)
        td["value"] = self.v(z)
        return td.reshape(t, b)


class Fresh(nn.Module):
    def __init__(self, env, width=128, layers=2, clip_range=0.0, analyze_weights_interval=300, **kwargs):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.options = kwargs
        self.enc = common.Tokens(width)
        self.lstm = common.rnn_weights(nn.LSTM(width, width, layers))
        self.pi = nn.Linear(width, sum(m + 1 for m in env.max_action_args))
        self.v = nn.Linear(width, 1)
        self.memory = {}

    def has_memory(self):
        return True

    def get_memory(self):
        return {k: tuple(x.clone() for x in v) for k, v in self.memory.items()}

    def set_memory(self, memory):
        self.memory = dict(memory)

    def reset_memory(self):
        self.memory.clear()

    def clip_weights(self):
        if self.clip_range > 0:
            for layer in (self.pi, self.v):
                layer.weight.clamp_(-self.clip_range, self.clip_range)

    def forward(self, td: TensorDict, state=None, action=None):
        td, b, t = common.flatten_time(td)
        common.put_stamps(td, b=b, t=t)
        z = self.enc(td["env_obs"]).view(b, t, -1).transpose(0, 1)
        z = z + 0.1 * td["last_reward"].view(b, t, 1).transpose(0, 1)
        env_id = td.get("training_env_id_start", torch.zeros(1))[0].item()
        zeros = torch.zeros(self.lstm.num_layers, b, z.shape[-1], device=z.device)
        h, c = self.memory.get(env_id, (zeros, zeros))
        if "dones" in td.keys():
            ended = td["dones"].bool().view(1, b, 1)
            h = h.masked_fill(ended, 0)
            c = c.masked_fill(ended, 0)
        z, state = self.lstm(z, (h, c))
        self.memory[env_id] = state
        z = z.transpose(0, 1).reshape(b * t, -1)
        logp = F.log_softmax(self.pi(z), -1)
        value = self.v(z)
        if action is None:
            i = torch.multinomial(logp.exp(), 1)
            td["actions"] = self.action_index_tensor[i.squeeze(1)].int()
            td["act_log_prob"] = logp.gather(1, i).squeeze(1)
            td["value"] = value.squeeze(1)
            td["full_log_probs"] = logp
            return td
        i = common.joint(self, action)
        td["act_log_prob"] = logp.gather(1, i.unsqueeze(1)).squeeze(1)
        td["entropy"] = -(logp.exp() * logp).sum(-1)
        td["value"] = value
        td["full_log_probs"] = logp
        return td.reshape(b, t)

    def get_agent_experience_spec(self):
        from torchrl.data import Composite, UnboundedDiscrete

        return Composite(env_obs=UnboundedDiscrete(shape=(200, 3), dtype=torch.uint8))
