import copy

import torch
import torch.nn.functional as F
from torch import nn
from torchrl.data import Composite, UnboundedDiscrete


def ortho(layer, gain=1.0):
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer


def wake(core):
    for name, p in core.named_parameters():
        nn.init.constant_(p, 1.0) if "bias" in name else nn.init.orthogonal_(p, 1.0)
    return core


def alive(td, B, T):
    """[T, B, 1]: 0 at the first step of an episode, else 1."""
    dead = torch.zeros(B * T, device=td["env_obs"].device)
    if "dones" in td.keys():
        dead = dead + td["dones"].float()
    if "truncateds" in td.keys():
        dead = dead + td["truncateds"].float()
    return (dead == 0).float().view(B, T).t()[..., None]


class A:
    """What every agent here knows of actions and of the buffer."""

    cum_action_max_params = action_index_tensor = None

    def _convert_action_to_logit_index(self, a):
        k, m = a.reshape(-1, 2).long().unbind(1)
        return k + self.cum_action_max_params[k] + m

    def _convert_logit_index_to_action(self, i):
        return self.action_index_tensor[i]

    def get_agent_experience_spec(self):
        return Composite(env_obs=UnboundedDiscrete(shape=self.obs_shape, dtype=torch.uint8))


class Net(nn.Module):
    def __init__(self, env, hid=128):
        super().__init__()
        norm = env.feature_normalizations
        self.box = (max(norm) + 1, env.obs_width, env.obs_height)
        self.register_buffer("div", torch.tensor([norm.get(i) or 1.0 for i in range(self.box[0])])[:, None, None])
        self.conv1, self.conv2 = nn.Conv2d(self.box[0], 32, 5, 3), nn.Conv2d(32, 64, 3)
        self.fc = ortho(nn.Linear(64 * self.left(1) * self.left(2), hid), 2**0.5)
        self.critic, self.value = ortho(nn.Linear(hid, 256), 2**0.5), ortho(nn.Linear(256, 1))
        self.actor, self.query = ortho(nn.Linear(hid, 256)), ortho(nn.Linear(256, 16))
        self.emb = nn.Embedding(100, 16)
        w = nn.init.orthogonal_(self.emb.weight.data)
        w.mul_(0.1 / w.abs().max())
        self.n = 0

    def left(self, side):
        return (self.box[side] - 5) // 3 - 1

    def activate_action_embeddings(self, names, device):
        self.n = len(names)

    def draw(self, obs):
        f, w, h = self.box
        at, a, v = obs.unbind(-1)
        x, y, a = at.long() >> 4, at.long() & 15, a.long()
        ok = (at != 255) & (x < w) & (y < h) & (a < f)
        flat = torch.zeros(obs.shape[0], f * w * h, device=obs.device)
        flat.scatter_add_(1, torch.where(ok, (a * w + x) * h + y, 0), torch.where(ok, v.float(), 0.0))
        return flat.view(-1, f, w, h) / self.div

    def encode_observations(self, obs, state=None):
        x = F.relu(self.conv2(F.relu(self.conv1(self.draw(obs)))))
        return F.relu(self.fc(x.flatten(1)))

    def decode_actions(self, hidden):
        q = torch.tanh(self.query(F.relu(self.actor(hidden))))
        return q @ self.emb.weight[: self.n].T, self.value(torch.tanh(self.critic(hidden)))[:, 0]


class R(A, nn.Module):
    ENVS = 4096

    def __init__(self, env, net=None, hid=128, num_layers=2, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range, self.analyze_weights_interval = clip_range, analyze_weights_interval
        self.obs_shape = tuple(env.single_observation_space.shape)
        self.policy = Net(env, hid) if net is None else net
        self.core = wake(nn.LSTM(hid, hid, num_layers))
        self.mem = None
        self.w0 = [p.detach().clone() for p in self.weights()]

    def weights(self):
        return [m.weight for m in self.modules() if isinstance(m, (nn.Linear, nn.Conv2d))]

    def activate_action_embeddings(self, names, device):
        self.policy.activate_action_embeddings(names, device)

    def clip_weights(self):
        if self.clip_range:
            with torch.no_grad():
                for p in self.weights():
                    p.copy_(p.clamp(-self.clip_range, self.clip_range))

    def l2_init_loss(self):
        return sum(F.mse_loss(p, q.to(p.device), reduction="sum") for p, q in zip(self.weights(), self.w0))

    def has_memory(self):
        return True

    def get_memory(self):
        return copy.deepcopy(self.mem)

    def set_memory(self, mem):
        self.mem = copy.deepcopy(mem)

    def reset_memory(self):
        self.mem = None

    def __getstate__(self):
        d = self.__dict__.copy()
        d["mem"] = None
        return d

    def run(self, td, x, B, T):
        i = torch.arange(B, device=x.device)
        if "training_env_id_start" in td.keys():
            i = i + td["training_env_id_start"][0]
        if self.mem is None:
            self.mem = torch.zeros(2, self.core.num_layers, self.ENVS, self.core.hidden_size, device=x.device)
        h, c = self.mem[:, :, i]
        out = []
        for xt, on in zip(x.view(B, T, -1).transpose(0, 1), alive(td, B, T)):
            y, (h, c) = self.core(xt[None], (h * on, c * on))
            out.append(y[0])
        self.mem[:, :, i] = torch.stack((h, c)).detach()
        return torch.stack(out, 1).view(B * T, -1)

    def forward(self, td, state=None, action=None):
        B, T = (td.batch_size[0], 1) if action is None else td.batch_size
        d = td if action is None else td.reshape(B * T)
        d["bptt"] = torch.full((B * T,), T, dtype=torch.int64, device=d["env_obs"].device)
        d["batch"] = torch.full((B * T,), B, dtype=torch.int64, device=d["env_obs"].device)
        logits, value = self.policy.decode_actions(self.run(d, self.policy.encode_observations(d["env_obs"]), B, T))
        logp = F.log_softmax(logits, -1)
        if action is None:
            i = torch.multinomial(logp.exp(), 1)[:, 0]
            d["actions"] = self._convert_logit_index_to_action(i).to(torch.int32)
        else:
            i = self._convert_action_to_logit_index(action)
            d["entropy"] = -(logp.exp() * logp).sum(-1)
        d["act_log_prob"] = logp.gather(1, i[:, None])[:, 0]
        d["values" if action is None else "value"] = value
        d["full_log_probs"] = logp
        return d if action is None else d.reshape(B, T)
