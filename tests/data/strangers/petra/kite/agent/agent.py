"""The agent that the trainer sees: it builds a policy and delegates to it."""

import logging

import torch
from torch import nn

from kite.agent.policies import AGENTS

logger = logging.getLogger(__name__)


class KiteAgent(nn.Module):
    def __init__(self, env, cfg):
        super().__init__()
        self.cfg = cfg
        self.policy = self.make_policy(env, cfg)

    @staticmethod
    def make_policy(env, cfg):
        agent_class = AGENTS[cfg["agent_type"]]
        options = {name: value for name, value in cfg.items() if name not in ("agent_type", "_target_")}
        return agent_class(env, **options)

    def forward(self, td, state=None, action=None):
        return self.policy(td, state, action)

    def activate(self, action_names, max_params, device):
        starts = [0]
        for most in max_params:
            starts.append(starts[-1] + most)
        pairs = [[kind, value] for kind, most in enumerate(max_params) for value in range(most + 1)]
        self.policy.cum_action_max_params = torch.tensor(starts, device=device)
        self.policy.action_index_tensor = torch.tensor(pairs, dtype=torch.int32, device=device)
        full = [f"{action_names[kind]}_{value}" for kind, value in pairs]
        if hasattr(self.policy, "activate_action_embeddings"):
            self.policy.activate_action_embeddings(full, device)

    def reset_memory(self):
        self.policy.reset_memory()

    def get_memory(self):
        return self.policy.get_memory()

    def clip_weights(self):
        self.policy.clip_weights()
        with torch.no_grad():
            for weight in self.policy.parameters():
                weight.clamp_(-1.0, 1.0)
