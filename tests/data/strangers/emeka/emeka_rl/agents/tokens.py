from __future__ import annotations

import torch
import torch.nn as nn
from tensordict import TensorDict

from emeka_rl.core.base import RecurrentAgent


class Tokens(RecurrentAgent):
    """An MLP over each token; keeps the state on the agent itself, so that it is easy to look at."""

    def __init__(self, env, hidden_size: int = 128, num_layers: int = 2, clip_range: float = 0.0, **kwargs) -> None:
        super().__init__(env, hidden_size, num_layers, **kwargs)
        self.hidden = None

    def make_net(self, env) -> nn.Module:
        return TokenNet(env, self.hidden_size)

    def get_memory(self):
        return {"hidden": self.hidden}

    def set_memory(self, memory):
        self.hidden = memory["hidden"]

    def reset_memory(self):
        self.hidden = None

    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        td, rows, steps = self.fold(td)
        x = self.net.encode_observations(td["env_obs"])
        if self.hidden is not None and "truncateds" in td.keys():
            keep = 1.0 - td["truncateds"].float().view(1, -1, 1)
            self.hidden = tuple(part * keep for part in self.hidden)
        out, self.hidden = self.lstm(x.view(rows, steps, -1).transpose(0, 1), self.hidden)
        logits, value = self.net.decode_actions(out.transpose(0, 1).reshape(rows * steps, -1))
        log_probs = logits.log_softmax(-1)
        if action is not None:
            self.evaluate(td, action.reshape(rows * steps, -1), log_probs, value)
            return td
        return self.sample(td, log_probs, value)

    def _convert_action_to_logit_index(self, action):
        offsets = self.cum_action_max_params
        return offsets[action[:, 0].long()].add(action[:, 1].long())


class TokenNet(nn.Module):
    def __init__(self, env, width: int) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(3, 64), nn.ReLU(), nn.Linear(64, width))
        self.heads = nn.Linear(width, sum(n + 1 for n in env.max_action_args))
        self.value = nn.Linear(width, 1)

    def encode_observations(self, tokens, state=None):
        valid = tokens[..., 0] != 255
        x = tokens.float().div_(255.0)
        x = self.embed(x).masked_fill_(~valid.unsqueeze(-1), 0.0)
        return torch.relu(x.sum(dim=1))

    def decode_actions(self, hidden):
        return self.heads(hidden), self.value(hidden)
