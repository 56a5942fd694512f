import torch
import torch.nn as nn
import torch.nn.functional as F

from latents.common import Bounded, JointActions, Keeper, Remembers, refuse, stamped, start_core
from latents.nets.attention import CrossAttend, SelfAttend
from latents.nets.tokens import ScaledTokens


class LatentMed(JointActions, Remembers, Bounded, nn.Module):
    def __init__(self, env, hidden_size=128, slots=4096, clip_range=0.0, analyze_weights_interval=300, **options):
        super(LatentMed, self).__init__()
        refuse(options)
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.tokens = ScaledTokens(env.feature_normalizations)
        self.cross = CrossAttend(self.tokens.width, queries=10, width=64, heads=8, layers=3)
        self.among = SelfAttend(64, heads=8, layers=3)
        self.lstm = start_core(nn.LSTM(64, hidden_size, num_layers=2))
        self.keeper = Keeper(2, hidden_size, slots)
        self.confidence = 0.0
        self.actor_heads = nn.ModuleList([nn.Linear(hidden_size, int(n)) for n in env.single_action_space.nvec])
        for head in self.actor_heads:
            nn.init.orthogonal_(head.weight, 0.01)
        self.critic = nn.Sequential(nn.Linear(hidden_size, 256), nn.Tanh(), nn.Linear(256, 1))

    def see(self, obs):
        vectors, padding = self.tokens(obs)
        return self.among(self.cross(vectors, padding))[:, 0]

    def decide(self, hidden):
        logits = torch.cat([head(hidden) for head in self.actor_heads], dim=-1)
        return F.log_softmax(logits, dim=-1), self.critic(hidden).flatten()

    def forward(self, td, state=None, action=None):
        if action is None:
            return self.play(td)
        rows, steps = td.batch_size
        td = td.reshape(rows * steps)
        stamped(td, steps, rows)
        x = self.see(td["env_obs"]).view(rows, steps, -1)
        out, _ = self.lstm(x.transpose(0, 1))
        log_probs, value = self.decide(out.transpose(0, 1).reshape(rows * steps, -1))
        index = self._convert_action_to_logit_index(action.reshape(-1, 2)).unsqueeze(1)
        td["act_log_prob"] = log_probs.gather(1, index).squeeze(1)
        td["entropy"] = -(log_probs.exp() * log_probs).sum(dim=1)
        td["value"] = value
        td["full_log_probs"] = log_probs
        return td.reshape(rows, steps)

    def play(self, td):
        rows = td.batch_size[0]
        stamped(td, 1, rows)
        x = self.see(td["env_obs"])
        ids = self.keeper.ids(td, rows, x.device)
        out, (h, c) = self.lstm(x.unsqueeze(0), self.keeper.fetch(td, ids))
        self.keeper.keep(ids, h, c)
        log_probs, value = self.decide(out.squeeze(0))
        self.confidence = float(log_probs.exp().amax(dim=1).mean())
        index = torch.multinomial(log_probs.exp(), 1)
        td["actions"] = self._convert_logit_index_to_action(index.squeeze(1))
        td["act_log_prob"] = log_probs.gather(1, index).squeeze(1)
        td["values"] = value
        td["full_log_probs"] = log_probs
        return td
