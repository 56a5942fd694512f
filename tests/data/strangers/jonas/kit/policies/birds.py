import torch
import torch.nn.functional as F
from tensordict import TensorDict
from torch import nn

from kit.nets import Core, Grid, JointHead


class Bird(nn.Module):
    """Eyes, a core and a head; subclasses say which."""

    def __init__(self, env, *, width=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.width = width
        self.eyes = self.make_eyes(env)
        self.core = Core(width, self.layers)
        self.head = JointHead(env, width)

    layers = 2
    has_memory = True

    def make_eyes(self, env):
        raise NotImplementedError

    def get_memory(self):
        return self.core.memory

    def set_memory(self, memory):
        self.core.memory = memory

    def reset_memory(self):
        self.core.clear()

    @staticmethod
    def ended(td, *shape):
        over = torch.zeros(shape, dtype=torch.bool, device=td["env_obs"].device)
        if "dones" in td.keys():
            over = over | td["dones"].reshape(shape).bool()
        if "truncateds" in td.keys():
            over = over | td["truncateds"].reshape(shape).bool()
        return over

    def forward(self, td: TensorDict, state=None, action=None):
        if action is None:
            return self.act(td)
        B, T = td.batch_size
        return self.judge(td.reshape(B * T), B, T, action.reshape(B * T, -1)).reshape(B, T)

    def stamp(self, td, B, T):
        td["bptt"] = torch.full(td.batch_size, T, dtype=torch.long, device=td["env_obs"].device)
        td["batch"] = torch.full(td.batch_size, B, dtype=torch.long, device=td["env_obs"].device)

    def act(self, td):
        (B,) = td.batch_size
        self.stamp(td, B, 1)
        rows = torch.arange(B, device=td["env_obs"].device)
        if "training_env_id_start" in td.keys():
            rows = rows + td["training_env_id_start"]
        x = self.core.step(self.eyes(td["env_obs"]), rows, self.ended(td, B))
        logits, value = self.head(x)
        logp = F.log_softmax(logits, -1)
        index = torch.multinomial(logp.exp(), 1)
        td["actions"] = self.action_index_tensor[index.squeeze(-1)].to(torch.int32)
        td["act_log_prob"] = logp.gather(-1, index).squeeze(-1)
        td["values"] = value.squeeze(-1)
        td["full_log_probs"] = logp
        return td

    def judge(self, td, B, T, action):
        self.stamp(td, B, T)
        x = self.eyes(td["env_obs"]).view(B, T, -1)
        logits, value = self.head(self.core.unroll(x, self.ended(td, B, T)).flatten(0, 1))
        logp = F.log_softmax(logits, -1)
        kind = action[:, 0].long()
        index = (kind + self.cum_action_max_params[kind] + action[:, 1].long()).unsqueeze(-1)
        td["act_log_prob"] = logp.gather(-1, index).squeeze(-1)
        td["entropy"] = -(logp.exp() * logp).sum(-1)
        td["value"] = value
        td["full_log_probs"] = logp
        return td

    def clip_weights(self):
        if self.clip_range > 0:
            with torch.no_grad():
                for m in self.head.query:
                    if hasattr(m, "weight"):
                        m.weight.clamp_(-self.clip_range, self.clip_range)


class Falcon(Bird):
    def make_eyes(self, env):
        return Grid(env, self.width)


class Condor(Falcon):
    """Falcon, with one layer and a wider core."""

    layers = 1

    def __init__(self, env, **options):
        options.setdefault("width", 256)
        super().__init__(env, **options)
