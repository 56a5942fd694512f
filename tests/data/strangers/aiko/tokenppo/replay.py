import torch
from tensordict import TensorDict

from .agent import Agent


class ReplayAgent(Agent):
    """Agent with label smoothing on the policy, for the offline replays."""

    smoothing = 0.02

    def smooth(self, logits):
        p = torch.softmax(logits, dim=-1)
        return torch.log((1 - self.smoothing) * p + self.smoothing / p.shape[-1])

    def forward(self, td: TensorDict, state=None, action=None):
        B = td.batch_size[0]
        T = 1 if action is None else td.batch_size[1]
        if action is not None:
            td = td.reshape(B * T)
        device = td["env_obs"].device
        td["bptt"] = torch.full((B,), T, dtype=torch.int64, device=device)
        td["batch"] = torch.full((B,), B, dtype=torch.int64, device=device)

        hidden = self.remember(self.encoder(td["env_obs"]), td, B, T)
        log_probs = self.smooth(self.actor(hidden))
        drawn = log_probs.exp().multinomial(1)

        td["act_log_prob"] = log_probs.gather(-1, drawn).squeeze(-1)
        td["full_log_probs"] = log_probs
        if action is None:
            td["actions"] = self.to_action(drawn.squeeze(-1)).int()
            td["values"] = self.critic(hidden).flatten()
        else:
            td["value"] = self.critic(hidden)
        return td if action is None else td.reshape(T, B)
