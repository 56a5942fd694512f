import torch
import torch.nn as nn
import torch.nn.functional as F

from latents.common import Bounded, JointActions, Keeper, Remembers, refuse, stamped, start_core
from latents.nets.attention import CrossAttend, SelfAttend
from latents.nets.tokens import FourierTokens


class LatentSmall(JointActions, Remembers, Bounded, nn.Module):
    def __init__(self, env, hidden_size=128, slots=4096, clip_range=0.0, analyze_weights_interval=300, **options):
        super(LatentSmall, self).__init__()
        refuse(options)
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.num_actions = sum(most + 1 for most in env.max_action_args)
        self.tokens = FourierTokens()
        self.cross = CrossAttend(self.tokens.width, queries=8, width=64, heads=4, layers=1)
        self.among = SelfAttend(64, heads=4, layers=2)
        self.lstm = start_core(nn.LSTM(64, hidden_size, num_layers=2))
        self.keeper = Keeper(2, hidden_size, slots)
        self.actor = nn.Linear(hidden_size, self.num_actions)
        self.critic = nn.Sequential(nn.Linear(hidden_size, 128), nn.Tanh(), nn.Linear(128, 1))

    def strip(self, obs):
        lengths = (obs[..., 0] == 255).int().argmax(dim=1)
        longest = lengths.max().item()
        return obs[:, : max(longest, 1)]

    def see(self, obs):
        obs = self.strip(obs)
        vectors, padding = self.tokens(obs)
        if padding.all(dim=1).any():
            vectors = vectors * (~padding).unsqueeze(-1)
        return self.among(self.cross(vectors, padding)).mean(dim=1)

    def forward(self, td, state=None, action=None):
        training = action is not None
        if training:
            rows, steps = td.batch_size
            td = td.reshape(rows * steps)
        else:
            rows, steps = td.batch_size[0], 1
        stamped(td, steps, rows)
        x = self.see(td["env_obs"]).view(rows, steps, -1).transpose(0, 1)
        if training:
            out, _ = self.lstm(x)
        else:
            ids = self.keeper.ids(td, rows, x.device)
            out, (h, c) = self.lstm(x, self.keeper.fetch(td, ids))
            self.keeper.keep(ids, h, c)
        hidden = out.transpose(0, 1).reshape(rows * steps, -1)
        log_probs = F.log_softmax(self.actor(hidden), dim=-1)
        value = self.critic(hidden).flatten()
        td["full_log_probs"] = log_probs
        if training:
            index = self._convert_action_to_logit_index(action.reshape(-1, 2)).unsqueeze(1)
            td["act_log_prob"] = log_probs.gather(1, index).squeeze(1)
            td["entropy"] = -(log_probs.exp() * log_probs).sum(dim=1)
            td["value"] = value
            return td.reshape(rows, steps)
        index = torch.multinomial(log_probs.exp(), 1)
        td["actions"] = self._convert_logit_index_to_action(index.squeeze(1))
        td["act_log_prob"] = log_probs.gather(1, index).squeeze(1)
        td["values"] = value
        return td
