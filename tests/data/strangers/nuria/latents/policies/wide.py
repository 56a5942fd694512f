import torch
import torch.nn as nn
import torch.nn.functional as F

from latents.common import Bounded, Keeper, Remembers, refuse, stamped, start_core
from latents.nets.attention import CrossAttend
from latents.nets.tokens import TableTokens, filled, filled_with_stop


class LatentWide(Remembers, Bounded, nn.Module):
    """Numbers its actions itself: `first[kind]` counts all actions of the kinds before it."""

    def __init__(self, env, hidden_size=128, slots=4096, clip_range=0.0, analyze_weights_interval=300, **options):
        super(LatentWide, self).__init__()
        refuse(options)
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        counts = torch.tensor([int(most) + 1 for most in env.max_action_args])
        self.register_buffer("first", counts.cumsum(0) - counts, persistent=False)
        kinds = torch.repeat_interleave(torch.arange(len(counts)), counts)
        arguments = torch.arange(len(kinds)) - self.first[kinds]
        self.register_buffer("pairs", torch.stack([kinds, arguments], dim=1).int(), persistent=False)
        self.tokens = TableTokens(env.feature_normalizations)
        self.places = env.single_observation_space.shape[0]
        self.cross = CrossAttend(self.tokens.width, queries=4, width=64, heads=4, layers=1)
        self.squeeze = nn.Linear(64, 24, bias=False)
        self.widen = nn.Linear(24, 126)
        self.lstm = start_core(nn.LSTM(128, hidden_size, num_layers=2))
        self.keeper = Keeper(2, hidden_size, slots)
        self.actor = nn.Linear(hidden_size, len(kinds))
        nn.init.orthogonal_(self.actor.weight, 0.01)
        self.critic = nn.Linear(hidden_size, 1)

    def see(self, obs):
        vectors, padding = self.tokens(obs)
        length = filled(obs).float() / self.places
        stop = filled_with_stop(obs).float() / self.places
        latent = self.cross(vectors, padding).amax(dim=1)
        return torch.cat([F.gelu(self.widen(self.squeeze(latent))), length.unsqueeze(1), stop.unsqueeze(1)], dim=1)

    def _convert_action_to_logit_index(self, action):
        return self.first[action[:, 0].long()] + action[:, 1].long()

    def _convert_logit_index_to_action(self, index):
        return self.pairs[index]

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
            out, _ = self.lstm(x, self.blank(rows, x))
        else:
            ids = self.keeper.ids(td, rows, x.device)
            out, (h, c) = self.lstm(x, self.keeper.fetch(td, ids))
            self.keeper.keep(ids, h, c)
        hidden = out.transpose(0, 1).reshape(rows * steps, -1)
        log_probs = F.log_softmax(self.actor(hidden), dim=-1)
        td["full_log_probs"] = log_probs
        if training:
            index = self._convert_action_to_logit_index(action.reshape(-1, 2)).unsqueeze(1)
            td["act_log_prob"] = log_probs.gather(1, index).squeeze(1)
            td["entropy"] = -(log_probs.exp() * log_probs).sum(dim=1)
            td["value"] = self.critic(hidden)
            return td.reshape(rows, steps)
        index = torch.multinomial(log_probs.exp(), 1)
        td["actions"] = self._convert_logit_index_to_action(index.squeeze(1))
        td["act_log_prob"] = log_probs.gather(1, index).squeeze(1)
        td["values"] = self.critic(hidden).flatten()
        return td

    def blank(self, rows, like):
        zeros = torch.zeros(self.lstm.num_layers, rows, self.lstm.hidden_size)
        zeros = zeros.to(like)
        return zeros, zeros.clone()
