"""Table 3, rows 5 to 7: what the head does with the embeddings."""

import torch
import torch.nn.functional as F
from torch import nn

from agent import Net, R, ortho


class NetMean(Net):
    def __init__(self, env, hid=128):
        super().__init__(env, hid)
        self.mix = ortho(nn.Linear(256 + 16, sum(m + 1 for m in env.max_action_args)), 0.01)

    def decode_actions(self, hidden):
        ctx = self.emb.weight[: self.n].mean(0).expand(hidden.shape[0], -1)
        logits = self.mix(torch.cat([F.relu(self.actor(hidden)), ctx], -1))
        return logits, self.value(torch.tanh(self.critic(hidden)))[:, 0]


class NetBounded(Net):
    def __init__(self, env, hid=128, width=24):
        super().__init__(env, hid)
        self.query = ortho(nn.Linear(256, width))
        self.emb = nn.Embedding(100, width)

    def decode_actions(self, hidden):
        q = self.query(F.relu(self.actor(hidden)))
        logits = torch.tanh(q @ self.emb.weight[: self.n].T)
        return logits, self.value(torch.tanh(self.critic(hidden)))[:, 0]


class NetPooled(Net):
    """Every action by its own embedding, and all of them once more by their mean."""

    def decode_actions(self, hidden):
        e = self.emb.weight[: self.n]
        q = torch.tanh(self.query(F.relu(self.actor(hidden))))
        logits = q @ (e - e.mean(0)).T
        return logits, self.value(torch.tanh(self.critic(hidden)))[:, 0]


class RMean(R):
    def __init__(self, env, hid=128, num_layers=2, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(env, NetMean(env, hid), hid, num_layers, clip_range, analyze_weights_interval)

    def _convert_action_to_logit_index(self, a):
        a = a.reshape(-1, 2).long()
        return self.cum_action_max_params[a[:, 0]] + a[:, 1]


class RBounded(R):
    def __init__(self, env, hid=128, num_layers=2, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(env, NetBounded(env, hid), hid, num_layers, clip_range, analyze_weights_interval)

    def clip_weights(self):
        for p in self.weights():
            p.data.clamp_(-1.0, 1.0)


class RPooled(R):
    def __init__(self, env, hid=128, num_layers=2, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(env, NetPooled(env, hid), hid, num_layers, clip_range, analyze_weights_interval)
