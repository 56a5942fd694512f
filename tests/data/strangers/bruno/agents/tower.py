import torch
import torch.nn as nn
import torch.nn.functional as F

N_TOKENS = 200


class Tower(nn.Module):
    # no wrapper: net and lstm in one
    def __init__(self, env, hidden_size=256, num_layers=2, clip_range=0, analyze_weights_interval=300):
        nn.Module.__init__(self)
        self.hidden_size = hidden_size
        self.fc1 = nn.Linear(N_TOKENS * 3, 512)
        self.fc2 = nn.Linear(512, hidden_size)
        self.lstm = nn.LSTM(hidden_size, hidden_size, num_layers=1)
        self.pi = nn.Linear(hidden_size, int(sum(env.single_action_space.nvec)))
        self.v = nn.Linear(hidden_size, 1)
        self.h = None
        self.c = None

    def has_memory(self):
        return True

    def get_memory(self):
        return self.h, self.c

    def set_memory(self, memory):
        self.h, self.c = memory

    def reset_memory(self):
        self.h = self.c = None

    def forward(self, td, state=None, action=None):
        obs = td["env_obs"]
        x = obs.float()
        x[x == 255] = 0
        if len(td.batch_size) == 2:
            B, T = td.batch_size
            td = td.reshape(B * T)
            td["bptt"] = torch.full((B * T,), T)
            td["batch"] = torch.full((B * T,), B)
        else:
            B, T = td.batch_size[0], 1
        x = x.reshape(B * T, -1) / 255.0
        x = self.fc2(self.fc1(x))
        x = F.relu(x).view(B, T, -1).transpose(0, 1)
        if self.h is None:
            self.h = torch.zeros(1, B, self.hidden_size)
            self.c = torch.zeros(1, B, self.hidden_size).to(x.device)
        if "dones" in td.keys():
            d = td["dones"].view(1, -1, 1).float()
            self.h = self.h * (1 - d)
            self.c = self.c * (1 - d)
        out, (self.h, self.c) = self.lstm(x, (self.h.detach(), self.c.detach()))
        out = out.transpose(0, 1).reshape(B * T, -1)
        logp = F.log_softmax(self.pi(out), -1)
        value = self.v(out)
        td["full_log_probs"] = logp
        if action is None:
            a = torch.multinomial(logp.exp(), 1).squeeze(-1)
            td["actions"] = self.action_index_tensor[a].int()
            td["act_log_prob"] = logp.gather(1, a.unsqueeze(1)).squeeze(1)
            td["values"] = value.squeeze(-1)
        else:
            action = action.view(B * T, 2).long()
            a = action[:, 0] + self.cum_action_max_params[action[:, 0]] + action[:, 1]
            td["act_log_prob"] = logp.gather(1, a.unsqueeze(1)).squeeze(1)
            td["entropy"] = -(logp.exp() * logp).sum(-1)
            td["value"] = value
        return td

    def clip_weights(self):
        for p in self.parameters():
            p.data.clamp_(-1, 1)
