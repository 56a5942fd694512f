import torch
import torch.nn as nn
import torch.nn.functional as F
from tensordict import TensorDict


class Forager(nn.Module):
    def __init__(self, env, hidden_size=64, num_layers=2, **kwargs):
        super().__init__()
        self.hidden_size = hidden_size
        self.embed = nn.Linear(600, hidden_size)
        self.lstm = nn.LSTM(hidden_size, hidden_size, 1)
        self.norm = torch.full((600,), 255.0)
        self.actor = nn.Linear(hidden_size, 19)
        self.critic = nn.Linear(hidden_size, 1)
        self.states = {}

    def forward(self, td, state=None, action=None):
        rows, steps = (td.batch_size[0], 1) if action is None else td.batch_size
        td = td.reshape(rows * steps)
        td["bptt"] = torch.full((rows * steps,), steps, dtype=torch.int64)
        obs = td["env_obs"].flatten(1)
        obs.clamp_(max=100)
        x = self.embed(obs.float() / self.norm)
        x = x.view(rows, steps, -1).transpose(0, 1)
        slot = td["training_env_id_start"][0].item()
        if slot not in self.states:
            self.states[slot] = (torch.zeros(1, rows, 64), torch.zeros(1, rows, 64))
        h, c = self.states[slot]
        out, (h, c) = self.lstm(x, (h, c))
        self.states[slot] = (h, c)
        out = out.transpose(0, 1).reshape(rows * steps, -1)
        log_probs = F.log_softmax(self.actor(out), dim=-1)
        value = self.critic(out)
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1)
            td["actions"] = self.action_index_tensor[index.squeeze(-1)]
            td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
            td["value"] = value.squeeze(-1)
            td["full_log_probs"] = log_probs
            return td
        pairs = action.reshape(-1, 2).long()
        index = (self.cum_action_max_params[pairs[:, 0]] + pairs[:, 1]).unsqueeze(-1)
        td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
        td["value"] = value
        td["full_log_probs"] = log_probs
        return td.reshape(rows, steps)

    def has_memory(self):
        return True

    def get_memory(self):
        return self.states

    def set_memory(self, memory):
        self.states = memory

    def reset_memory(self):
        pass

    def clip_weights(self):
        for p in self.parameters():
            p.data.clamp_(-1, 1)

    def l2_init_loss(self):
        return sum((p.data**2).sum() for p in self.actor.parameters())
