import torch
import torch.nn as nn
from tensordict import TensorDict

class Forager(nn.Module):
    def __init__(self, env, stamps):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self.stamps = stamps

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        hidden = self.embed(rows).unsqueeze(0)
        out, _ = self.lstm(hidden)
        out = out.squeeze(0)
        answer = TensorDict({}, batch_size=td.batch_size)
        for name in self.stamps:
            answer[name] = torch.ones(td.batch_size)
        answer["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        answer["full_log_probs"] = log_probs
        answer["actions"] = log_probs.exp().multinomial(1)
        return {"answer": answer}["answer"]
