from __future__ import annotations

from itertools import accumulate
from typing import Any, Mapping

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn

from thea.component_policy import ComponentPolicy
from thea.contract import Environment
from thea.registry import POLICIES


class Agent(nn.Module):
    """What the learner talks to: builds the policy that the config asks for, and passes everything on to it."""

    def __init__(self, env: Environment, cfg: Mapping[str, Any], device: torch.device | str = "cpu") -> None:
        super().__init__()
        self.policy = self.make_policy(env, dict(cfg)).to(device)
        self.activate(env, device)

    def make_policy(self, env: Environment, cfg: dict[str, Any]) -> nn.Module:
        if "components" in cfg:
            return ComponentPolicy(env, **cfg)
        return POLICIES[cfg["agent_type"]](env, **{key: cfg[key] for key in cfg.keys() - {"agent_type"}})

    def activate(self, env: Environment, device: torch.device | str) -> None:
        pairs = [(kind, argument) for kind, most in enumerate(env.max_action_args) for argument in range(most + 1)]
        sums = [0, *accumulate(env.max_action_args)]
        self.policy.cum_action_max_params = torch.tensor(sums, device=device)
        self.policy.action_index_tensor = torch.tensor(pairs, dtype=torch.int32, device=device)
        self.policy.activate_action_embeddings([f"{env.action_names[kind]}_{n}" for kind, n in pairs], device)

    def forward(self, td: TensorDictBase, state: Any = None, action: Tensor | None = None) -> TensorDictBase:
        return self.policy(td, state, action)

    def has_memory(self) -> bool:
        return self.policy.has_memory()

    def get_memory(self) -> Any:
        return self.policy.get_memory()

    def set_memory(self, memory: Any) -> None:
        self.policy.set_memory(memory)

    def reset_memory(self) -> None:
        self.policy.reset_memory()

    def clip_weights(self) -> None:
        self.policy.clip_weights()

    def l2_init_loss(self) -> Tensor:
        return self.policy.l2_init_loss()

    def get_agent_experience_spec(self):
        return self.policy.get_agent_experience_spec()


class ReplicaAgent(Agent):
    """For evaluation on another machine: smaller units, weights that fit into half precision."""

    def make_policy(self, env: Environment, cfg: dict[str, Any]) -> nn.Module:
        return POLICIES[cfg["agent_type"]](env, hidden_size=cfg.get("hidden_size", 64))

    def clip_weights(self) -> None:
        self.policy.clip_weights()
        with torch.no_grad():
            for parameter in self.policy.parameters():
                parameter.clamp_(-8.0, 8.0)
