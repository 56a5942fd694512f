import torch
import torch.nn as nn
import torch.nn.functional as F

from latents.common import Keeper, Remembers, refuse, stamped, start_core
from latents.nets.attention import CrossAttend
from latents.nets.tokens import FourierTokens


class LatentGated(Remembers, nn.Module):
    """Latents are mixed by a gate; a dropout keeps the trunk from leaning on single ones."""

    def __init__(self, env, hidden_size=128, slots=4096, clip_range=0.0, analyze_weights_interval=300, **options):
        super(LatentGated, self).__init__()
        refuse(options)
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.tokens = FourierTokens()
        self.cross = CrossAttend(self.tokens.width, queries=6, width=64, heads=4, layers=2)
        self.gate = nn.Linear(64, 1)
        self.trunk = nn.Sequential(nn.Linear(64, 256), nn.Dropout(0.1), nn.Linear(256, 128), nn.ReLU())
        self.lstm = start_core(nn.LSTM(128, hidden_size, num_layers=2))
        self.keeper = Keeper(2, hidden_size, slots)
        self.actor = nn.Linear(hidden_size, sum(most + 1 for most in env.max_action_args))
        self.critic = nn.Linear(hidden_size, 1)

    def see(self, obs):
        vectors, padding = self.tokens(obs)
        latents = self.cross(vectors, padding)
        weights = torch.softmax(self.gate(latents), dim=1)
        return self.trunk((weights * latents).sum(dim=1))

    def _convert_action_to_logit_index(self, action):
        kind, argument = action.long().unbind(-1)
        return self.cum_action_max_params[kind] + argument

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index].to(torch.int32)

    def clip_weights(self):
        if self.clip_range <= 0:
            return
        for module in self.modules():
            if isinstance(module, nn.Linear):
                module.weight = nn.Parameter(module.weight.clamp(-self.clip_range, self.clip_range))

    def forward(self, td, state=None, action=None):
        if action is None:
            rows = td.batch_size[0]
            stamped(td, 1, rows)
            x = self.see(td["env_obs"])
            ids = self.keeper.ids(td, rows, x.device)
            out, (h, c) = self.lstm(x[None], self.keeper.fetch(td, ids))
            self.keeper.keep(ids, h, c)
            log_probs = F.log_softmax(self.actor(out[0]), dim=-1)
            index = torch.multinomial(log_probs.exp(), 1)
            td["actions"] = self._convert_logit_index_to_action(index.squeeze(1))
            td["act_log_prob"] = log_probs.gather(1, index).squeeze(1)
            td["values"] = self.critic(out[0]).flatten()
            td["full_log_probs"] = log_probs
            return td
        rows, steps = td.batch_size
        td = stamped(td.reshape(-1), steps, rows)
        x = self.see(td["env_obs"]).view(rows, steps, -1)
        out, _ = self.lstm(x.transpose(0, 1))
        hidden = out.transpose(0, 1).flatten(0, 1)
        log_probs = F.log_softmax(self.actor(hidden), dim=-1)
        index = self._convert_action_to_logit_index(action.reshape(-1, 2))
        td["act_log_prob"] = log_probs.gather(1, index.unsqueeze(1)).squeeze(1)
        td["entropy"] = -(log_probs.exp() * log_probs).sum(dim=1)
        td["value"] = self.critic(hidden)
        td["full_log_probs"] = log_probs
        return td.reshape(rows, steps)
