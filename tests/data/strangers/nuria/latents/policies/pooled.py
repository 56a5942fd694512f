import torch
import torch.nn as nn
import torch.nn.functional as F

from latents.common import Bounded, JointActions, Keeper, Remembers, refuse, stamped, start_core


class TokenMean(nn.Module):
    """No attention: the mean over what each token says."""

    def __init__(self, norms, width=64):
        super(TokenMean, self).__init__()
        self.attr = nn.Embedding(256, width)
        self.place = nn.Embedding(256, width)
        self.amount = nn.Linear(1, width)
        self.out = nn.Linear(width, width)
        scale = torch.ones(256)
        for feature, norm in norms.items():
            scale[feature] = norm or 1.0
        self.register_buffer("scale", scale, persistent=False)

    def forward(self, obs):
        tokens = obs.clone()
        kinds = tokens[..., 1].long()
        tokens[..., 2] = tokens[..., 2] / self.scale[kinds]
        there = (tokens[..., 0] != 255).unsqueeze(-1).float()
        each = self.attr(kinds) + self.place(tokens[..., 0].long()) + self.amount(tokens[..., 2:].float())
        pooled = (torch.relu(each) * there).sum(dim=1) / there.sum(dim=1).clamp(min=1.0)
        return torch.relu(self.out(pooled))


class PooledTokens(JointActions, Remembers, Bounded, nn.Module):
    def __init__(self, env, hidden_size=128, slots=4096, clip_range=0.0, analyze_weights_interval=300, **options):
        super(PooledTokens, self).__init__()
        refuse(options)
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.net = TokenMean(env.feature_normalizations)
        self.lstm = start_core(nn.LSTM(64, hidden_size, num_layers=2))
        self.keeper = Keeper(2, hidden_size, slots)
        self.num_actions = sum(most + 1 for most in env.max_action_args)
        self.action_table = nn.Embedding(100, 16)
        self.query = nn.Linear(hidden_size, 16)
        self.critic = nn.Sequential(nn.Linear(hidden_size, 128), nn.Tanh(), nn.Linear(128, 1))

    def activate_action_embeddings(self, names, device):
        self.num_actions = len(names)

    def score(self, hidden):
        rows = torch.arange(self.num_actions)
        return F.log_softmax(torch.tanh(self.query(hidden)) @ self.action_table(rows).T, dim=-1)

    def forward(self, td, state=None, action=None):
        training = action is not None
        if training:
            rows, steps = td.batch_size
            td = td.reshape(rows * steps)
        else:
            rows, steps = td.batch_size[0], 1
        stamped(td, steps, rows)
        x = self.net(td["env_obs"]).view(rows, steps, -1).transpose(0, 1)
        if training:
            out, _ = self.lstm(x)
        else:
            ids = self.keeper.ids(td, rows, x.device)
            out, (h, c) = self.lstm(x, self.keeper.fetch(td, ids))
            self.keeper.keep(ids, h, c)
        hidden = out.transpose(0, 1).reshape(rows * steps, -1)
        log_probs = self.score(hidden)
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
