import logging
from typing import Optional

import torch
from omegaconf import DictConfig
from tensordict import TensorDict
from torch import nn
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

from metta.agent.pytorch.agent_mapper import agent_classes

logger = logging.getLogger("metta_agent")


class MettaAgent(nn.Module):
    def __init__(self, env, system_cfg, agent_cfg: DictConfig, policy: Optional[nn.Module] = None):
        super().__init__()
        self.cfg = agent_cfg
        self.device = system_cfg.device
        self.obs_shape = env.single_observation_space.shape
        if policy is None:
            policy = self._create_policy(agent_cfg, env)
        self.policy = policy.to(self.device)

    def _create_policy(self, agent_cfg: DictConfig, env) -> nn.Module:
        AgentClass = agent_classes[agent_cfg.agent_type]
        policy = AgentClass(env, hidden_size=agent_cfg.hidden_size)
        logger.info(f"Using {agent_cfg.agent_type} with clip range {agent_cfg.clip_range}")
        return policy

    def forward(self, td: TensorDict, state=None, action: Optional[torch.Tensor] = None) -> TensorDict:
        return self.policy(td, state, action)

    def reset_memory(self):
        if hasattr(self.policy, "reset_memory"):
            self.policy.reset_memory()

    def get_memory(self):
        return getattr(self.policy, "get_memory", lambda: {})()

    def clip_weights(self):
        self.policy.clip_weights()
        # and nothing may explode, whatever the policy does
        for weight in self.policy.parameters():
            weight.data.clamp_(-1.0, 1.0)

    def get_agent_experience_spec(self) -> Composite:
        return Composite(
            env_obs=UnboundedDiscrete(shape=self.obs_shape, dtype=torch.uint8),
            dones=UnboundedContinuous(shape=(), dtype=torch.float32),
            truncateds=UnboundedContinuous(shape=(), dtype=torch.float32),
        )
