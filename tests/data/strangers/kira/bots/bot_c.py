import torch
import torch.nn as nn
import torch.nn.functional as F

from bots.bot_a import BotA
from bots.parts import ortho


class BotC(BotA):
    """BotA with a GRU; everything else is inherited"""

    def __init__(self, env, hidden=96, **kwargs):
        super().__init__(env, hidden=hidden, **kwargs)
        self.rnn = ortho(nn.GRU(hidden, hidden, num_layers=2))
        self.remember_weights()


class BotD(BotA):
    """BotA for quick tests: forgets between calls"""

    def __init__(self, env, hidden=96, clip_range=0.0, **kwargs):
        super().__init__(env, hidden, **kwargs)
        self.rnn = ortho(nn.RNN(hidden, hidden, num_layers=2, nonlinearity="relu"), bias=0.0)

    def forward(self, td, state=None, action=None):
        B, T = td.batch_size if td.batch_dims == 2 else (td.batch_size[0], 1)
        if td.batch_dims == 2:
            td = td.reshape(B * T)
        td["bptt"] = torch.full((B * T,), T, dtype=torch.long, device=td["env_obs"].device)
        td["batch"] = torch.full((B * T,), B, dtype=torch.long, device=td["env_obs"].device)
        x = self.encode(td["env_obs"])
        memory = {}
        y, memory["h"] = self.rnn(x.unsqueeze(0), memory.get("h"))
        y = y.squeeze(0)
        logp = F.log_softmax(self.actor(y), dim=1)
        td["full_log_probs"] = logp
        if action is None:
            i = torch.multinomial(logp.exp(), 1).squeeze(1)
            td["actions"] = self.action_index_tensor[i].int()
            td["act_log_prob"] = logp[torch.arange(B, device=i.device), i]
            td["values"] = self.critic(y).squeeze(1)
            return td
        td["value"] = self.critic(y)
        td["act_log_prob"] = torch.zeros_like(logp[:, 0])
        td["entropy"] = -(logp.exp() * logp).sum(1)
        return td.reshape(T, B)

    def l2_init_loss(self):
        with torch.no_grad():
            return super().l2_init_loss()
