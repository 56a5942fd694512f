from functools import partial
import torch
import torch.nn.functional as F
from torch import nn


def clamp_module(limit, m):
    if isinstance(m, (nn.Linear, nn.Conv2d)):
        with torch.no_grad():
            m.weight.clamp_(-limit, limit)


class Runner(nn.Module):
    def __init__(self, env, clip_range=0.0, analyze_weights_interval=300, **kwargs):
        super().__init__()
        if kwargs:
            raise TypeError(f"unexpected options: {sorted(kwargs)}")
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.trunk = nn.Linear(600, 64)
        self.pi = nn.Linear(64, 19)
        self.vf = nn.Linear(64, 1)

    def clip_weights(self):  # expect: PF302
        self.apply(partial(clamp_module, 0.8))

    def forward(self, td, state=None, action=None):
        if td.batch_dims == 2:
            b, t = td.batch_size
            td = td.reshape(b * t)
        else:
            b, t = td.batch_size[0], 1
        rows = b * t
        device = td["env_obs"].device
        td.set("bptt", torch.full((rows,), t, dtype=torch.long, device=device))
        td.set("batch", torch.full((rows,), b, dtype=torch.long, device=device))
        features = torch.tanh(self.trunk(td["env_obs"].flatten(1).float() / 255.0))
        log_probs = F.log_softmax(self.pi(features), dim=-1)
        value = self.vf(features).squeeze(-1)
        td["full_log_probs"] = log_probs
        if action is None:
            sampled = torch.multinomial(log_probs.exp(), 1).squeeze(-1)
            td["act_log_prob"] = log_probs.gather(-1, sampled.unsqueeze(-1)).squeeze(-1)
            td["actions"] = self._convert_logit_index_to_action(sampled)
            td["values"] = value
            return td
        index = self._convert_action_to_logit_index(action.reshape(-1, 2))
        td["act_log_prob"] = log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        td["value"] = value
        return td.reshape(b, t) if t > 1 or action.dim() == 3 else td

    def _convert_action_to_logit_index(self, pairs):
        kind, argument = pairs[:, 0], pairs[:, 1]
        return kind + self.cum_action_max_params[kind] + argument

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index]

