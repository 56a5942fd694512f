import torch
import torch.nn as nn
import torch.nn.functional as F

from latents.common import Bounded, JointActions, Keeper, Remembers, refuse, stamped, start_core
from latents.nets.attention import CrossAttend
from latents.nets.tokens import FourierTokens


class LatentTiny(JointActions, Remembers, Bounded, nn.Module):
    """One query; an action's logit is that of its type plus that of its argument."""

    def __init__(self, env, hidden_size=128, slots=4096, clip_range=0.0, analyze_weights_interval=300, **options):
        super(LatentTiny, self).__init__()
        refuse(options)
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.tokens = FourierTokens(attr_width=10, freqs=4)
        self.cross = CrossAttend(self.tokens.width, queries=1, width=64, heads=4, layers=2)
        self.lstm = start_core(nn.LSTM(64, hidden_size, num_layers=2))
        self.keeper = Keeper(2, hidden_size, slots)
        kinds, arguments = [int(n) for n in env.single_action_space.nvec]
        self.kind_head = nn.Linear(hidden_size, kinds)
        self.argument_head = nn.Linear(hidden_size, arguments)
        self.critic = nn.Sequential(nn.Linear(hidden_size, 128), nn.Tanh(), nn.Linear(128, 1))
        for head in (self.kind_head, self.argument_head):
            nn.init.orthogonal_(head.weight, 0.01)
            nn.init.zeros_(head.bias)

    def see(self, obs):
        vectors, padding = self.tokens(obs)
        return self.cross(vectors, padding)[:, 0]

    def log_probs(self, hidden):
        pairs = self.action_index_tensor.long()
        logits = self.kind_head(hidden)[:, pairs[:, 0]] + self.argument_head(hidden)[:, pairs[:, 1]]
        return F.log_softmax(logits, dim=-1)

    def forward(self, td, state=None, action=None):
        if action is not None:
            rows, steps = td.batch_size
            td = stamped(td.reshape(rows * steps), steps, rows)
            x = self.see(td["env_obs"]).view(rows, steps, -1)
            out, _ = self.lstm(x.transpose(0, 1))
            hidden = out.transpose(0, 1).flatten(0, 1)
            log_probs = self.log_probs(hidden)
            index = self._convert_action_to_logit_index(action.reshape(-1, 2))
            td["act_log_prob"] = log_probs.gather(1, index[:, None])[:, 0]
            td["entropy"] = -torch.sum(log_probs.exp() * log_probs, dim=1)
            td["value"] = self.critic(hidden)
            td["full_log_probs"] = log_probs
            return td.reshape(rows, steps)

        rows = td.batch_size[0]
        stamped(td, 1, rows)
        x = self.see(td["env_obs"])
        ids = self.keeper.ids(td, rows, x.device)
        out, (h, c) = self.lstm(x[None], self.keeper.fetch(td, ids))
        self.keeper.keep(ids, h, c)
        log_probs = self.log_probs(out[0])
        index = torch.multinomial(log_probs.exp(), num_samples=1)
        td["actions"] = self._convert_logit_index_to_action(index[:, 0])
        td["act_log_prob"] = log_probs.gather(1, index)[:, 0]
        td["values"] = self.critic(out[0])[:, 0]
        td["full_log_probs"] = log_probs
        return td
