import torch.nn as nn
from tensordict import TensorDict
from torchrl.data import Composite, UnboundedDiscrete


class Encoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.in_key = config.in_key
        self.out_key = config.out_key
        self.net = nn.Linear(600, 64)

    def forward(self, td: TensorDict):
        td[self.out_key] = self.net(td[self.in_key].float().flatten(1)).relu()
        return td


class Forager(nn.Module):
    def __init__(self, env, config, clip_range=0.0, analyze_weights_interval=300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.encoder = Encoder(config.encoder)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        self.encoder(td)
        out = self.lstm(td["encoded"].unsqueeze(0))[0].squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["act_log_prob"] = log_probs[:, 0]
        td["actions"] = log_probs.exp().multinomial(1)
        return td

    def get_agent_experience_spec(self):
        return Composite(pixels=UnboundedDiscrete(shape=(200, 3)))
