"""Port of the agent to the new trainer: fewer lines, no state in Python."""

import torch
import torch.nn.functional as F
from torch import nn

from agent import A, ortho, wake


class Net2(nn.Module):
    def __init__(self, env, hid=128):
        super().__init__()
        self.conv1, self.conv2 = ortho(nn.Conv2d(22, 64, 5, 3)), ortho(nn.Conv2d(64, 64, 3))
        self.fc = ortho(nn.Linear(64, hid), 2**0.5)
        self.value = ortho(nn.Linear(hid, 1))
        self.actor = ortho(nn.Linear(hid, sum(m + 1 for m in env.max_action_args)), 0.01)

    def encode_observations(self, obs, state=None):
        obs[obs == 255] = 0
        at, a, v = (c.long() for c in obs.unbind(-1))
        x, y = at >> 4, at & 15
        ok = (at != 255) & (x < 11) & (y < 11) & (a < 22)
        box = torch.zeros(obs.shape[0], 22, 11, 11, device=obs.device)
        n = torch.arange(obs.shape[0], device=obs.device)[:, None].expand_as(at)
        box[n[ok], a[ok], x[ok], y[ok]] = v[ok].float()
        x = F.relu(self.conv2(F.relu(self.conv1(box / 255))))
        return F.relu(self.fc(x.flatten(1)))

    def decode_actions(self, hidden):
        return self.actor(hidden), self.value(hidden)


class R2(A, nn.Module):
    def __init__(self, env, hid=128, num_layers=2):
        super().__init__()
        self.obs_shape = tuple(env.single_observation_space.shape)
        self.policy = Net2(env, hid)
        self.core = wake(nn.LSTM(hid, hid, num_layers))

    def activate_action_embeddings(self, names, device):
        pass

    def forward(self, td, state=None, action=None):
        B, T = (td.batch_size[0], 1) if action is None else td.batch_size
        device = td["env_obs"].device
        td["bptt"] = torch.full((B * T,), T, dtype=torch.int64, device=device)
        td["batch"] = torch.full((B * T,), B, dtype=torch.int64, device=device)
        d = td if action is None else td.reshape(B * T)
        x = self.policy.encode_observations(d["env_obs"])
        y, _ = self.core(x.view(B, T, -1).transpose(0, 1))
        logits, value = self.policy.decode_actions(y.transpose(0, 1).reshape(B * T, -1))
        logp = F.log_softmax(logits, -1)
        if action is None:
            i = torch.multinomial(logp.exp(), 1)[:, 0]
            d["actions"] = self._convert_logit_index_to_action(i).to(torch.int32)
            d["values"] = value[:, 0]
        else:
            i = self._convert_action_to_logit_index(action)
            d["entropy"] = -(logp.exp() * logp).sum(-1)
            d["value"] = value[:, 0]
        d["act_log_prob"] = logp.gather(1, i[:, None])[:, 0]
        d["full_log_probs"] = logp
        return d if action is None else d.reshape(B, T)
