import torch
import torch.nn.functional as F
from torch import nn

from ..nets import Clipped, Heads, ortho, ortho_core
from ..registry import Policies

NORMS = [9.0, 1, 1, 10, 3, 254, 1, 1, 235, 8, 9, 250, 29, 1, 1, 8, 1, 1, 6, 3, 1, 2]


@Policies.add("kelp")
class Kelp(Clipped, nn.Module):
    """Convolutions on a box of 22 features, and an LSTM."""

    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.register_buffer("norms", torch.tensor(NORMS).view(1, 22, 1, 1))
        self.conv = ortho(nn.Conv2d(22, 64, 5, stride=3))
        self.fc = ortho(nn.Linear(64 * 9, hidden_size))
        self.lstm = ortho_core(nn.LSTM(hidden_size, hidden_size, num_layers=2, batch_first=True))
        self.heads = Heads(hidden_size)
        self.envs, self.h, self.c = env.num_envs, None, None
        self.action_index_tensor = None
        self.cum_action_max_params = None

    def activate_action_embeddings(self, full_action_names, device):
        self.heads.count = len(full_action_names)

    def has_memory(self):
        return True

    def get_memory(self):
        return None if self.h is None else (self.h.clone(), self.c.clone())

    def set_memory(self, memory):
        self.h, self.c = memory or (None, None)

    def reset_memory(self):
        self.h = self.c = None

    def __getstate__(self):
        return {**self.__dict__, "h": None, "c": None}

    def encode(self, tokens):
        places, layer, amount = tokens[..., 0], tokens[..., 1].long(), tokens[..., 2].float()
        x, y = (places >> 4).long(), (places & 15).long()
        real = (places != 255) & (layer < 22) & (x < 11) & (y < 11)
        rows = torch.arange(tokens.shape[0], device=tokens.device)[:, None].expand_as(layer)
        box = torch.zeros(tokens.shape[0], 22, 11, 11, device=tokens.device)
        box[rows[real], layer[real], x[real], y[real]] = amount[real]
        x = F.relu(self.conv(box / self.norms))
        return F.relu(self.fc(x.flatten(1)))

    def recurrent(self, td, x):
        if self.h is None:
            self.h = x.new_zeros(2, self.envs, x.shape[-1])
            self.c = torch.zeros_like(self.h)
        at = td["training_env_id_start"].long() + torch.arange(x.shape[0], device=x.device)
        new = (td["dones"] + td["truncateds"]).bool().view(1, -1, 1)
        x, (h, c) = self.lstm(x, (self.h[:, at].masked_fill(new, 0), self.c[:, at].masked_fill(new, 0)))
        self.h[:, at], self.c[:, at] = h.detach(), c.detach()
        return x

    def forward(self, td, state=None, action=None):
        B = td.batch_size[0]
        T = 1 if action is None else td.batch_size[1]
        td = td if action is None else td.reshape(B * T)
        device = td["env_obs"].device
        td["bptt"] = torch.full((B * T,), B, dtype=torch.long, device=device)
        td["batch"] = torch.full((B * T,), T, dtype=torch.long, device=device)

        x = self.encode(td["env_obs"]).view(B, T, -1)
        x = self.recurrent(td, x) if action is None else self.lstm(x)[0]
        logits, value = self.heads(x.reshape(B * T, -1))

        log_probs = F.log_softmax(logits, dim=-1)
        index = torch.multinomial(log_probs.exp(), 1)
        td["full_log_probs"] = log_probs
        td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
        if action is None:
            td["actions"] = self.action_index_tensor[index.squeeze(-1)].to(torch.int32)
            td["values"] = value.squeeze(-1)
            return td
        td["entropy"] = -(log_probs.exp() * log_probs).sum(dim=-1)
        td["value"] = value
        return td.reshape(T, B)
