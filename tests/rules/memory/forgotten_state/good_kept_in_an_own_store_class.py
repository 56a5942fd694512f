import torch
import torch.nn as nn
from tensordict import TensorDict

class Store:
    def __init__(self):
        self.states = {}

    def read(self, td):
        return self.states.get(int(td["training_env_id_start"][0]))

    def write(self, td, state):
        self.states[int(td["training_env_id_start"][0])] = tuple(s.detach() for s in state)


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self.memory = Store()

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        hidden = self.embed(rows).unsqueeze(0)
        out, state = self.lstm(hidden, self.memory.read(td))
        self.memory.write(td, state)
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
