"""What the trainer sees: one module around whichever policy the config asks for."""

import logging

import torch
from omegaconf import DictConfig
from tensordict import TensorDict
from torch import nn
from torchrl.data import Composite, UnboundedDiscrete

from griddy.graph import Graph
from griddy.torch_agents import agent_classes

log = logging.getLogger(__name__)


class Agent(nn.Module):
    def __init__(self, env, cfg: DictConfig, device: torch.device):
        super().__init__()
        self.device = device
        self.policy = self.build(env, cfg).to(device)

    def build(self, env, cfg: DictConfig) -> nn.Module:
        kind = cfg.get("agent_type")
        if kind not in agent_classes:
            return Graph(env, cfg)
        log.info("building %s", kind)
        return agent_classes[kind](env=env)

    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        return self.policy(td, state, action)

    def get_agent_experience_spec(self) -> Composite:
        return Composite(env_obs=UnboundedDiscrete(shape=torch.Size([200, 3]), dtype=torch.uint8))

    def activate_actions(self, names: list[str], most: list[int], device: torch.device) -> None:
        table = [[kind, arg] for kind, last in enumerate(most) for arg in range(last + 1)]
        self.policy.action_index_tensor = torch.tensor(table, dtype=torch.int32, device=device)
        cumulated = torch.cumsum(torch.tensor([0, *most], device=device), dim=0)
        self.policy.cum_action_max_params = self.cum_action_max_params = cumulated

    def to_logit_index(self, action: torch.Tensor) -> torch.Tensor:
        types, arguments = action.long().unbind(-1)
        return self.cum_action_max_params[types] + arguments

    def reset_memory(self) -> None:
        self.policy.reset_memory()

    def clip_weights(self) -> None:
        self.policy.clip_weights()
        for weight in self.policy.parameters():
            weight.data.clamp_(-1.0, 1.0)
