import torch
from tensordict import TensorDict
from torch import nn

from kite.agent.mixins import ClipMixin


class Curlew(ClipMixin, nn.Module):
    """Quick port of the attention agent: one question over Fourier features, small core."""

    def __init__(self, env, hidden_size=64, **options):
        super().__init__(**options)
        self.powers = 2.0 ** torch.arange(4)
        self.kinds = nn.Embedding(256, 8)
        self.tokens = nn.Linear(8 + 16 + 1, hidden_size)
        self.weigh = nn.Linear(hidden_size, 1)
        self.lstm = nn.LSTM(hidden_size, hidden_size)
        self.actor = nn.Linear(hidden_size, sum(most + 1 for most in env.max_action_args))
        self.critic = nn.Linear(hidden_size, 1)
        self.states = {}
        self.starts = [weight.detach().clone() for weight in self.actor.parameters()]

    def encode(self, raw):
        absent = raw[..., 0] == 255
        place = torch.stack([raw[..., 0] >> 4, raw[..., 0] & 15], dim=-1).float() / 7.5 - 1.0
        angles = (place.unsqueeze(-1) * self.powers).flatten(-2)
        value = raw[..., 2:].float() / 255.0
        seen = torch.cat([self.kinds(raw[..., 1].long()), angles.cos(), angles.sin(), value], dim=-1)
        seen = torch.tanh(self.tokens(seen))
        weights = self.weigh(seen).squeeze(-1).masked_fill(absent, -1e9).softmax(-1)
        return (weights.unsqueeze(-1) * seen).sum(1)

    def recall(self, td, group):
        h, c = self.states[group]
        over = (td["dones"].bool() | td["truncateds"].bool()).view(1, -1, 1)
        return h.masked_fill(over, 0.0), c.masked_fill(over, 0.0)

    def forward(self, td: TensorDict, state=None, action=None):
        if action is not None:
            td = td.reshape(td.batch_size.numel())
        encoded = self.encode(td["env_obs"])
        carry, group = None, None
        if action is None:
            group = td["training_env_id_start"][0].item()
            if group in self.states:
                carry = self.recall(td, group)
        out, (h, c) = self.lstm(encoded.unsqueeze(0), carry)
        if action is None:
            self.states[group] = (h.detach(), c.detach())
        hidden = out.squeeze(0)
        log_probs = self.actor(hidden).log_softmax(-1)
        value = self.critic(hidden)
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1)
            td["actions"] = self.action_index_tensor[index.squeeze(-1)].int()
            td["values"] = value.squeeze(-1)
        else:
            kind, argument = action.reshape(-1, 2).long().unbind(-1)
            index = (kind + self.cum_action_max_params[kind] + argument).unsqueeze(-1)
            td["value"] = value
            td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
        td["full_log_probs"] = log_probs
        return td

    def has_memory(self):
        return True

    def get_memory(self):
        return self.states

    def set_memory(self, memory):
        self.states = dict(memory)

    def reset_memory(self):
        self.states.clear()

    def __getstate__(self):
        return {**super().__getstate__(), "states": {}}

    def l2_init_loss(self):
        total = 0.0
        for weight, start in zip(self.actor.parameters(), self.starts, strict=True):
            total = total + (weight.detach() - start.to(weight.device)).pow(2).sum()
        return total
