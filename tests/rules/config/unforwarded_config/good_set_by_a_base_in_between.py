import torch.nn as nn
from tensordict import TensorDict


class Core(nn.Module):
    def __init__(self, env, hidden_size=64, num_layers=2, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.interval = analyze_weights_interval
        self.embed = nn.Linear(600, hidden_size)
        self.lstm = nn.LSTM(hidden_size, hidden_size, num_layers)
        self.critic = nn.Linear(hidden_size, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        out, _ = self.lstm(self.embed(td["env_obs"].float().flatten(1)).unsqueeze(0))
        td["values"] = self.critic(out.squeeze(0)).flatten()
        return td


class Middle(Core):
    def __init__(self, env, **kwargs):
        super().__init__(env, num_layers=1, **kwargs)


class Forager(Middle):
    def __init__(self, env, hidden_size=64, num_layers=2, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(
            env,
            hidden_size=hidden_size,
            clip_range=clip_range,
            analyze_weights_interval=analyze_weights_interval,
        )
