import torch
import torch._dynamo
import torch.nn as nn
import torch.nn.functional as F

from agents.base import LSTMBase


class Fixed(LSTMBase):
    def __init__(self, env, policy=None, input_size=128, hidden_size=128, **kwargs):
        super(Fixed, self).__init__(env, policy or FixedNet(env, input_size, hidden_size), input_size, hidden_size, **kwargs)

    @torch._dynamo.disable
    def forward(self, td, state=None, action=None):
        if td.batch_dims > 1:
            B, T = td.batch_size
            td = td.reshape(B * T)
        else:
            B, T = td.batch_size[0], 1
        obs = td["env_obs"]
        td.set("bptt", torch.full((B * T,), T, device=obs.device, dtype=torch.long))
        td.set("batch", torch.full((B * T,), B, device=obs.device, dtype=torch.long))
        hidden = self.policy.encode_observations(obs, state)
        hidden = hidden.view(B, T, -1).transpose(0, 1)
        key, lstm_state = self.fetch(td, B, obs.device)
        out, new_state = self.lstm(hidden, lstm_state)
        self.store(key, new_state)
        logits, value = self.policy.decode_actions(out.transpose(0, 1).reshape(B * T, -1))
        logp = F.log_softmax(logits, dim=-1)
        if action is None:
            a = torch.multinomial(logp.exp(), 1).view(-1)
            td["actions"] = self.action_index_tensor[a].to(dtype=torch.int32)
            td["act_log_prob"] = logp[torch.arange(B, device=obs.device), a]
            td["values"] = value.flatten()
            td["full_log_probs"] = logp
            return td
        pairs = action.reshape(B * T, 2).long()
        a = pairs[:, 0] + self.cum_action_max_params[pairs[:, 0]] + pairs[:, 1]
        td["act_log_prob"] = logp[torch.arange(B * T, device=obs.device), a]
        td["entropy"] = -(logp.exp() * logp).sum(dim=-1)
        td["value"] = value
        td["full_log_probs"] = logp
        return td.reshape(B, T)


class FixedNet(nn.Module):
    def __init__(self, env, input_size, hidden_size):
        super().__init__()
        self.is_continuous = False
        self.features = max(env.feature_normalizations) + 1
        self.attr = nn.Embedding(256, 24, padding_idx=255)
        self.place = nn.Embedding(256, 24)
        norm = torch.ones(256)
        for i, v in env.feature_normalizations.items():
            norm[i] = max(v, 1.0)
        self.register_buffer("norm", norm)
        self.token = nn.Linear(49, 128)
        self.out = nn.Linear(128, input_size)
        n_actions = sum(m + 1 for m in env.max_action_args)
        self.actor_1 = nn.Linear(hidden_size, 256)
        self.actor_2 = nn.Linear(256, n_actions)
        self.value = nn.Linear(hidden_size, 1)

    def encode_observations(self, obs, state=None):
        place, attr = obs[..., 0].long(), obs[..., 1].long()
        val = (obs[..., 2].float() / self.norm[attr]).unsqueeze(-1)
        x = torch.cat([self.attr(attr), self.place(place), val], dim=-1)
        x = F.relu(self.token(x))
        used = (place != 255).unsqueeze(-1).float()
        x = (x * used).sum(1) / used.sum(1).clamp(min=1.0)
        return F.relu(self.out(x))

    def decode_actions(self, hidden):
        return self.actor_2(torch.tanh(self.actor_1(hidden))), self.value(hidden)
