import torch
import torch.nn.functional as F
from torch import nn
from torchrl.data import Composite, UnboundedDiscrete


class SoloAgent(nn.Module):
    """The baseline from before the common base class; kept for comparisons on one group of environments."""

    def __init__(self, env, hidden_size=64, num_layers=1, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.tokens = tuple(env.single_observation_space.shape)
        self.embed = nn.Embedding(256, hidden_size)
        self.squeeze = nn.Linear(hidden_size, hidden_size)
        self.lstm = nn.LSTM(hidden_size, hidden_size, num_layers=num_layers, batch_first=True)
        for name, weight in self.lstm.named_parameters():
            if "weight" in name:
                nn.init.orthogonal_(weight, 1.0)
            else:
                nn.init.constant_(weight, 1)
        self.pi = nn.Linear(hidden_size, sum(m + 1 for m in env.max_action_args))
        self.v = nn.Linear(hidden_size, 1)
        self.carry = None

    def has_memory(self):
        return True

    def get_memory(self):
        return None if self.carry is None else tuple(part.clone() for part in self.carry)

    def set_memory(self, memory):
        self.carry = memory

    def reset_memory(self):
        self.carry = None

    @torch.no_grad()
    def clip_weights(self):
        if self.clip_range > 0:
            for parameter in self.parameters():
                parameter.clamp_(min=-self.clip_range, max=self.clip_range)

    def get_agent_experience_spec(self):
        return Composite(env_obs=UnboundedDiscrete(shape=self.tokens, dtype=torch.uint8))

    def _convert_action_to_logit_index(self, action):
        return action[:, 0] + self.cum_action_max_params[action[:, 0].long()] + action[:, 1]

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index]

    def _encode(self, tokens):
        tokens = tokens.long()
        real = (tokens[..., 0] != 255)[..., None]
        summed = (self.embed(tokens).sum(-2) * real).sum(-2) / real.sum(-2).clamp(min=1)
        return F.silu(self.squeeze(torch.tanh(summed)))

    def forward(self, td, state=None, action=None):
        if action is None:
            B, T = td.batch_size[0], 1
        else:
            B, T = td.batch_size
            td = td.reshape(B * T)
        device = td["env_obs"].device
        td["bptt"] = torch.full((B * T,), T, dtype=torch.int64, device=device)
        td["batch"] = torch.full((B * T,), B, dtype=torch.int64, device=device)
        hidden = self._encode(td["env_obs"]).view(B, T, -1)

        carry = self.carry
        if carry is not None and "dones" in td.keys():
            keep = 1.0 - td["dones"].reshape(1, B, T)[:, :, :1].float()
            carry = (carry[0] * keep, carry[1] * keep)
        out, (h, c) = self.lstm(hidden, carry)
        self.carry = (h.detach(), c.detach())

        out = out.reshape(B * T, -1)
        log_probs = F.log_softmax(self.pi(out), dim=-1)
        td["full_log_probs"] = log_probs
        td["value"] = self.v(out)
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1).view(-1)
            td["actions"] = self._convert_logit_index_to_action(index).to(torch.int32)
            td["act_log_prob"] = log_probs.gather(1, index.unsqueeze(1)).view(-1)
            return td
        index = self._convert_action_to_logit_index(action.reshape(-1, 2)).long()
        td["act_log_prob"] = log_probs.gather(1, index.unsqueeze(1)).view(-1)
        td["entropy"] = -(log_probs * log_probs.exp()).sum(1)
        return td.reshape(B, T)
