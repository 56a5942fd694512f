"""Table 3, rows 2 and 3: a head for each dimension of the action."""

import torch
import torch.nn.functional as F
from torch import nn

from agent import Net, R, ortho, wake


class NetHeads(Net):
    def __init__(self, env, hid=128):
        super().__init__(env, hid)
        self.heads = nn.ModuleList([ortho(nn.Linear(hid, n), 0.01) for n in env.single_action_space.nvec])

    def decode_actions(self, hidden):
        logits = torch.cat([head(hidden) for head in self.heads], dim=-1)
        return logits, self.value(torch.tanh(self.critic(hidden)))[:, 0]


class RHeads(R):
    def __init__(self, env, hid=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(
            env, NetHeads(env, hid), hid, clip_range=clip_range, analyze_weights_interval=analyze_weights_interval
        )


class RScripted(R):
    """Row 3. The environment plays noop, everything else as usual: how much of the value is the actions'?"""

    def __init__(self, env, hid=128, num_layers=2, **kw):
        interval = kw.get("analyze_weights_interval", 300)
        super().__init__(env, None, hid, num_layers, kw.get("clip_range", 0.0), interval)

    def forward(self, td, state=None, action=None):
        B, T = (td.batch_size[0], 1) if action is None else td.batch_size
        d = td if action is None else td.reshape(B * T)
        d["bptt"] = torch.full((B * T,), T, dtype=torch.int64, device=d["env_obs"].device)
        d["batch"] = torch.full((B * T,), B, dtype=torch.int64, device=d["env_obs"].device)
        logits, value = self.policy.decode_actions(self.run(d, self.policy.encode_observations(d["env_obs"]), B, T))
        logp = F.log_softmax(logits, -1)
        if action is None:
            i = torch.multinomial(logp.exp(), 1)[:, 0]
            d["actions"] = torch.zeros(B, 2, dtype=torch.int32, device=logp.device)
            d["values"] = value
        else:
            i = self._convert_action_to_logit_index(action)
            d["entropy"] = -(logp.exp() * logp).sum(-1)
            d["value"] = value
        d["act_log_prob"] = logp.gather(1, i[:, None])[:, 0]
        d["full_log_probs"] = logp
        return d if action is None else d.reshape(B, T)


class RDeep(R):
    """Row 4. One more layer of memory."""

    def __init__(self, env, hid=128, num_layers=2, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(env, None, hid, num_layers, clip_range, analyze_weights_interval)
        self.core = wake(nn.LSTM(hid, hid, 3))
