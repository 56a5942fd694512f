import logging

import torch
from torch import nn
from torch.nn import functional as F

from .memory import GroupMemory

log = logging.getLogger(__name__)
OBS = "env_obs"


class GridNet(nn.Module):
    """Tokens to a box, a box to a vector, a vector to scores."""

    features_out = 128

    def __init__(self, env, hidden_size=128):
        super().__init__()
        self.hidden_size = hidden_size
        self.wide, self.high = env.obs_width, env.obs_height
        self.layers = max(env.feature_normalizations) + 1
        scale = torch.ones(1, self.layers, 1, 1)
        for i, norm in env.feature_normalizations.items():
            scale[0, i] = norm if norm > 0 else 1.0
        self.register_buffer("scale", scale, persistent=False)
        self.n_actions = sum(most + 1 for most in env.max_action_args)
        self.make_encoder(env)
        self.make_heads(env)

    def make_encoder(self, env):
        self.conv1 = nn.Conv2d(self.layers, 32, 5, 3)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.fc = nn.Linear(64, self.features_out)

    def make_heads(self, env):
        self.actor1 = nn.Linear(self.hidden_size, 128)
        self.actor2 = nn.Linear(128, self.n_actions)
        nn.init.orthogonal_(self.actor2.weight, 0.01)
        self.critic1 = nn.Linear(self.hidden_size, 256)
        self.critic2 = nn.Linear(256, 1)

    def box(self, observations):
        """[N, M, 3] bytes to [N, layers, wide, high]; what has no place goes to a spare one."""
        n = observations.shape[0]
        coords = observations[..., 0].long()
        kind = observations[..., 1].long()
        x, y = coords >> 4, coords & 15
        good = (coords != 255) & (x < self.wide) & (y < self.high) & (kind < self.layers)
        spare = self.layers * self.wide * self.high
        place = torch.where(good, (kind * self.wide + x) * self.high + y, spare)
        flat = torch.zeros(n, spare + 1, device=observations.device)
        flat.scatter_(1, place, observations[..., 2].float())
        return flat[:, :-1].view(n, self.layers, self.wide, self.high)

    def encode_observations(self, observations, state=None):
        z = self.box(observations) / self.scale
        z = F.relu(self.conv1(z))
        z = F.relu(self.conv2(z))
        return F.relu(self.fc(z.flatten(1)))

    def decode_actions(self, hidden):
        logits = self.actor2(F.relu(self.actor1(hidden)))
        value = self.critic2(torch.tanh(self.critic1(hidden)))
        return logits, value


class Recurrent(nn.Module):
    """Puts an LSTM between the two halves of a net."""

    def __init__(self, env, net, hidden_size=128, num_layers=2, clip_range=0.0,
                 analyze_weights_interval=300, **rest):
        super().__init__()
        for key, given in rest.items():
            log.warning("%s ignores %s=%r", type(self).__name__, key, given)
        self.net = net
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.lstm = nn.LSTM(net.features_out, hidden_size, num_layers)
        for name, weight in self.lstm.named_parameters():
            if "bias" in name:
                nn.init.constant_(weight, 1)
            if "weight" in name:
                nn.init.orthogonal_(weight, 1)
        self.memory = GroupMemory(num_layers, hidden_size)
        self._origin = {name: weight.detach().clone() for name, weight in net.named_parameters()
                        if weight.dim() > 1}

    # memory
    def has_memory(self):
        return True

    def get_memory(self):
        return self.memory.snapshot()

    def set_memory(self, memory):
        self.memory.restore(memory)

    def reset_memory(self):
        self.memory.clear()

    # weights
    def clip_weights(self):
        bound = self.clip_range
        if bound <= 0:
            return
        with torch.no_grad():
            for weight in self.net.parameters():
                weight.clamp_(-bound, bound)

    def l2_init_loss(self):
        loss = 0.0
        for name, weight in self.net.named_parameters():
            if name in self._origin:
                loss = loss + (weight - self._origin[name].to(weight.device)).pow(2).sum()
        return loss

    # actions
    def _convert_action_to_logit_index(self, pairs):
        pairs = pairs.reshape(-1, 2).long()
        return pairs[:, 0] + self.cum_action_max_params[pairs[:, 0]] + pairs[:, 1]

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index]

    def core(self, td, z, B, T, acting):
        z = z.view(B, T, -1).transpose(0, 1)
        if not acting:
            out, _ = self.lstm(z)
        else:
            slot = self.memory.slot(td, B)
            h, c = self.memory.read(slot, z[0])
            for key in ("dones", "truncateds"):
                flag = td.get(key, None)
                if flag is not None:
                    stay = 1.0 - flag.reshape(1, B, 1).float()
                    h, c = h * stay, c * stay
            out, (h, c) = self.lstm(z, (h.contiguous(), c.contiguous()))
            self.memory.write(slot, h, c)
        return out.transpose(0, 1).reshape(B * T, -1)

    def forward(self, td, state=None, action=None):
        acting = action is None
        B, T = (td.batch_size[0], 1) if td.batch_dims == 1 else tuple(td.batch_size)
        if td.batch_dims > 1:
            td = td.reshape(B * T)
        obs = td[OBS]
        td["bptt"] = torch.full([B * T], T, dtype=torch.int64, device=obs.device)
        td["batch"] = torch.full([B * T], B, dtype=torch.int64, device=obs.device)

        z = self.net.encode_observations(obs)
        hidden = self.core(td, z, B, T, acting)
        logits, value = self.net.decode_actions(hidden)
        logp = logits.float().log_softmax(-1)
        td["full_log_probs"] = logp

        if acting:
            index = torch.multinomial(logp.exp(), 1)[:, 0]
            td["actions"] = self._convert_logit_index_to_action(index).to(torch.int32)
            td["values"] = value[:, 0]
        else:
            index = self._convert_action_to_logit_index(action)
            td["entropy"] = -(logp.exp() * logp).sum(-1)
            td["value"] = value[:, 0]
        td["act_log_prob"] = logp.gather(1, index[:, None])[:, 0]
        return td if acting else td.reshape(B, T)
