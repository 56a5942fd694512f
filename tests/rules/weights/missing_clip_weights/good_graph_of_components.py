import torch.nn as nn
from tensordict import TensorDict
from torchrl.data import Composite, UnboundedDiscrete


class Forager(nn.Module):
    def __init__(self, env, components):
        super().__init__()
        self.components = nn.ModuleDict()
        self.components.update(components)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        self.components["_obs_"](td)
        out = self.lstm(td["encoded"].unsqueeze(0))[0].squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td

    def get_agent_experience_spec(self):
        return Composite(env_obs=UnboundedDiscrete(shape=(200, 3)))
