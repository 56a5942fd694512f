from typing import Optional

import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import Tensor, nn

from .cells import GRUByHand, plain_lstm, tidy_lstm
from .vision import Patch, Smear


class Clipped:
    clip_range: float

    def clip_weights(self):
        if self.clip_range <= 0:
            return
        for name, p in self.named_parameters():
            if name.endswith("weight"):
                p.data = p.data.clamp(-self.clip_range, self.clip_range)


class Heads(nn.Module):
    def __init__(self, width, joint):
        super().__init__()
        self.actor = nn.Sequential(nn.Linear(width, 256), nn.ReLU(), nn.Linear(256, joint))
        self.critic = nn.Sequential(nn.Linear(width, 256), nn.Tanh(), nn.Linear(256, 1))

    def forward(self, h):
        return self.actor(h).log_softmax(-1), self.critic(h)


class Minimal(Clipped, nn.Module):
    """Keeps nothing: the state comes and goes with the TensorDict."""

    def __init__(self, env, width=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range, self.analyze_weights_interval = clip_range, analyze_weights_interval
        self.see = Patch(env, width)
        self.cell = GRUByHand(width, width)
        self.heads = Heads(width, sum(m + 1 for m in env.max_action_args))
        self.width = width

    def has_memory(self):
        return False

    def get_memory(self):
        return {}

    def set_memory(self, memory):
        return None

    def reset_memory(self):
        return None

    def get_agent_experience_spec(self):
        from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

        return Composite(
            env_obs=UnboundedDiscrete(shape=torch.Size([200, 3]), dtype=torch.uint8),
            hidden=UnboundedContinuous(shape=torch.Size([self.width]), dtype=torch.float32),
        )

    def forward(self, td: TensorDict, state=None, action: Optional[Tensor] = None):
        size = td.batch_size
        b, t = size[0], (size[1] if len(size) == 2 else 1)
        start = td["hidden"].reshape(b, t, self.width)[:, 0]
        if len(size) == 2:
            td = td.reshape(b * t)
        td["bptt"] = torch.full_like(td["env_obs"][:, 0, 0], t, dtype=torch.long)
        td["batch"] = torch.full_like(td["env_obs"][:, 0, 0], b, dtype=torch.long)
        if action is None:
            ended = td["dones"].bool() | td["truncateds"].bool()
            start = start * ~ended.view(b, 1)
        xs = self.see(td["env_obs"]).view(b, t, -1).transpose(0, 1)
        hs, last = self.cell(xs, start)
        logp, value = self.heads(hs.transpose(0, 1).reshape(b * t, -1))
        if action is None:
            td["hidden"] = last.detach()
            index = torch.multinomial(logp.exp(), 1)
            td["actions"] = self.action_index_tensor[index[:, 0]].to(torch.int32)
            td["act_log_prob"] = logp.gather(1, index)[:, 0]
            td["values"] = value[:, 0]
            td["full_log_probs"] = logp
            return td
        a = action.reshape(b * t, 2).long()
        index = a[:, 0] + self.cum_action_max_params[a[:, 0]] + a[:, 1]
        td["act_log_prob"] = logp.gather(1, index[:, None])[:, 0]
        td["entropy"] = -torch.einsum("na,na->n", logp.exp(), logp)
        td["value"] = value
        td["full_log_probs"] = logp
        return td.reshape(b, t)


class Gated(Clipped, nn.Module):
    """State of each environment in one buffer."""

    def __init__(self, env, width=128, layers=2, environments=4096, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range, self.analyze_weights_interval = clip_range, analyze_weights_interval
        self.see = Patch(env, width)
        self.lstm = tidy_lstm(width, width, layers)
        self.heads = Heads(width, sum(m + 1 for m in env.max_action_args))
        self.register_buffer("state", torch.zeros(2, layers, environments, width), persistent=False)

    def __getstate__(self):
        saved = super().__getstate__() if hasattr(super(), "__getstate__") else self.__dict__
        saved = dict(saved)
        saved["_buffers"] = {**saved["_buffers"], "state": torch.zeros_like(self.state)}
        return saved

    def has_memory(self):
        return True

    def get_memory(self):
        return self.state.clone()

    def set_memory(self, memory):
        self.state[:] = memory

    def reset_memory(self):
        self.state.fill_(0.0)

    def reset_env_memory(self, env_id):
        self.state[:, :, env_id] = 0.0

    def forward(self, td: TensorDict, state=None, action: Optional[Tensor] = None):
        shape = td.shape
        td = td.reshape(-1)
        t = shape[1] if len(shape) > 1 else 1
        b = shape[0]
        dev = td["env_obs"].device
        td.update(dict(bptt=torch.full(td.shape, t, device=dev), batch=torch.full(td.shape, b, device=dev)))
        x = self.see(td["env_obs"]).reshape(b, t, -1).swapaxes(0, 1)
        if action is None:
            where = torch.arange(b, device=dev) + td["training_env_id_start"][0]
            ended = (td["dones"] + td["truncateds"]).clamp(max=1).view(1, 1, b, 1)
            h, c = self.state[:, :, where] * (1 - ended)
            x, new = self.lstm(x, (h.contiguous(), c.contiguous()))
            self.state[:, :, where] = torch.stack(new).detach()
        else:
            x, _ = self.lstm(x)
        logp, value = self.heads(x.swapaxes(0, 1).reshape(b * t, -1))
        if action is None:
            index = torch.multinomial(logp.exp(), 1).flatten()
            td.update(
                dict(
                    actions=self.action_index_tensor[index].int(),
                    act_log_prob=logp[torch.arange(b, device=dev), index],
                    values=value.flatten(),
                    full_log_probs=logp,
                )
            )
            return td
        kind, arg = action.reshape(b * t, 2).long().unbind(1)
        index = (kind + self.cum_action_max_params[kind] + arg).unsqueeze(1)
        td.update(
            dict(
                act_log_prob=torch.take_along_dim(logp, index, 1).squeeze(1),
                entropy=(-logp.exp() * logp).sum(1),
                value=value,
                full_log_probs=logp,
            )
        )
        return td.reshape(shape)


class Quick(nn.Module):
    def __init__(self, env, width=128, layers=2):
        super().__init__()
        self.clip_range = 0.1
        self.see = Smear(width)
        self.lstm = plain_lstm(width, width, layers)
        self.actor = nn.Linear(width, sum(m + 1 for m in env.max_action_args))
        self.critic = nn.Linear(width, 1)
        self.start = {n: p.detach().clone() for n, p in self.named_parameters()}
        self.nvec = env.single_action_space.nvec
        self.h, self.c = {}, {}

    def has_memory(self):
        return True

    def get_memory(self):
        return dict(self.h), dict(self.c)

    def set_memory(self, memory):
        self.h, self.c = (dict(m) for m in memory)

    def reset_memory(self):
        self.h, self.c = {}, {}

    def __setstate__(self, state):
        super().__setstate__(state)
        self.reset_memory()

    def clip_weights(self):
        for p in self.parameters():
            p = p.clamp(-self.clip_range, self.clip_range)

    def l2_init_loss(self):
        with torch.no_grad():
            return sum((p - self.start[n]).pow(2).sum() for n, p in self.named_parameters())

    @torch._dynamo.disable
    def forward(self, td: TensorDict, state=None, action: Optional[Tensor] = None):
        b = td.shape[0]
        t = td.shape[1] if td.ndim == 2 else 1
        td = td.reshape(b * t)
        dev = td["env_obs"].device
        td["bptt"] = torch.full((b * t,), t, dtype=torch.long, device=dev)
        td["batch"] = torch.full((b * t,), b, dtype=torch.long, device=dev)
        x = self.see(td["env_obs"]).view(b, t, -1).transpose(0, 1)
        group = td["training_env_id_start"].tolist()[0] if "training_env_id_start" in td.keys() else 0
        if group not in self.h:
            self.h[group] = self.c[group] = torch.zeros(self.lstm.num_layers, b, x.shape[-1])
        h, c = self.h[group], self.c[group]
        if action is None:
            ended = (td["dones"].bool() | td["truncateds"].bool()).view(1, b, 1)
            h, c = torch.where(ended, 0.0, h), torch.where(ended, 0.0, c)
        x, (h, c) = self.lstm(x, (h, c))
        self.h[group], self.c[group] = h.detach(), c.detach()
        x = x.transpose(0, 1).reshape(b * t, -1)
        logp, value = F.log_softmax(self.actor(x), -1), self.critic(x)
        if action is None:
            index = torch.multinomial(logp.exp(), 1)
            td["actions"] = torch.stack(
                [torch.randint(int(n), (b,), device=dev, dtype=torch.int32) for n in self.nvec], dim=-1
            )
            td["act_log_prob"] = logp.gather(1, index).squeeze(1)
            td["values"] = value.squeeze(1)
            return td
        a = action.reshape(b * t, 2).long()
        index = a[:, :1] + self.cum_action_max_params[a[:, :1]] + a[:, 1:]
        td["act_log_prob"] = logp.gather(1, index).squeeze(1)
        td["entropy"] = -(logp.exp() * logp).sum(1)
        td["value"] = value
        td["full_log_probs"] = logp
        return td.reshape(b, t)
