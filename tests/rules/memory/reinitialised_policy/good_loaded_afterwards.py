import torch
import torch.nn as nn
from tensordict import TensorDict

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(600, 64)
        self.head = nn.Linear(64, 64)
        nn.init.orthogonal_(self.body.weight, 1.4142)
        nn.init.orthogonal_(self.head.weight, 0.01)

    def forward(self, x):
        return self.head(self.body(x).relu())


class Wrapper(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net
        for name, parameter in self.named_parameters():
            if "bias" in name:
                nn.init.constant_(parameter, 0)
            elif "weight" in name and parameter.ndim >= 2:
                nn.init.orthogonal_(parameter, 1.0)

class Forager(Wrapper):
    def __init__(self, env, weights):
        super().__init__(Net())
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self.net.load_state_dict(torch.load(weights))

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        out, (h, c) = self.lstm(self.net(rows).unsqueeze(0), state)
        td["h"], td["c"] = h, c
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
