import torch
import torch.nn as nn
import torch.nn.functional as F

from bots.parts import Clipped, Memory, ortho


class BotA(Clipped, nn.Module):
    def __init__(self, env, hidden=96, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.conv = nn.Conv1d(3, hidden, 1)
        self.conv2 = nn.Conv1d(hidden, hidden, 1)
        self.rnn = ortho(nn.RNN(hidden, hidden, num_layers=2, nonlinearity="relu"))
        self.actor = nn.Sequential(nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, sum(a + 1 for a in env.max_action_args)))
        self.critic = nn.Sequential(nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, 1))
        self.mem = Memory(2, hidden)
        self.remember_weights()

    def has_memory(self):
        return True

    def get_memory(self):
        return {g: h.clone() for g, h in self.mem.h.items()}

    def set_memory(self, memory):
        self.mem.h = dict(memory)

    def reset_memory(self):
        self.mem.clear()

    def encode(self, obs):
        pad = obs[..., 0] == 255
        x = obs.float().div(255).transpose(1, 2)
        x = F.relu(self.conv(x))
        x = F.relu(self.conv2(x))
        x = x.masked_fill(pad[:, None, :], float("-inf"))
        x = x.max(dim=-1).values
        return torch.where(torch.isinf(x), torch.zeros_like(x), x)

    @torch._dynamo.disable
    def forward(self, td, state=None, action=None):
        if td.batch_dims == 2:
            B, T = td.batch_size
            td = td.reshape(B * T)
        else:
            B, T = td.batch_size[0], 1
        obs = td["env_obs"]
        td["bptt"] = torch.full((B * T,), T, dtype=torch.long, device=obs.device)
        td["batch"] = torch.full((B * T,), B, dtype=torch.long, device=obs.device)
        group = 0
        if "training_env_id_start" in td.keys():
            group = td["training_env_id_start"].view(-1)[0].item()
        x = self.encode(obs).view(B, T, -1).transpose(0, 1)
        h = self.mem.get(group, B, x)
        if T == 1:
            for key in ("dones", "truncateds"):
                if key in td.keys():
                    h = h * (1 - td[key].to(h.dtype)).view(1, B, 1)
        y, h = self.rnn(x, h)
        self.mem.put(group, h)
        y = y.transpose(0, 1).reshape(B * T, -1)
        logp = F.log_softmax(self.actor(y), dim=1)
        v = self.critic(y)
        td["full_log_probs"] = logp
        if action is None:
            i = torch.multinomial(torch.exp(logp), 1).squeeze(1)
            td["actions"] = self.action_index_tensor[i].int()
            td["act_log_prob"] = logp[torch.arange(B, device=i.device), i]
            td["values"] = v.squeeze(1)
            return td
        a = action.reshape(B * T, 2).long()
        i = a[:, 0] + self.cum_action_max_params[a[:, 0]] + a[:, 1]
        td["act_log_prob"] = logp[torch.arange(B * T, device=i.device), i]
        td["entropy"] = -(logp.exp() * logp).sum(1)
        td["value"] = v
        return td.reshape(B, T)
