"""What the trainer talks to: builds the policy that the config names and delegates to it."""

import torch
from tensordict import TensorDict
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torchrl.data import Composite, UnboundedDiscrete

from .component_policy import ComponentPolicy
from .torch_agents import REGISTRY, Mole


class MeshAgent(nn.Module):
    def __init__(self, env, cfg, policy=None):
        super().__init__()
        self.cfg = cfg
        self.observation_shape = env.single_observation_space.shape
        self.policy = self._create_policy(env, cfg) if policy is None else policy

    def _create_policy(self, env, cfg):
        kind = cfg.get("agent_type")
        if kind is None:
            return ComponentPolicy(env, cfg)
        if kind not in REGISTRY:
            raise ValueError(f"agent_type is one of {sorted(REGISTRY)}, not {kind}")
        kwargs = dict(
            clip_range=cfg.get("clip_range", 0.0),
            analyze_weights_interval=cfg.get("analyze_weights_interval", 300),
        )
        if "hidden_size" in cfg:
            kwargs["hidden_size"] = cfg.hidden_size
        return REGISTRY[kind](env, **kwargs)

    def activate(self, env, device):
        pairs = [(i, p) for i, n in enumerate(env.max_action_args) for p in range(n + 1)]
        most = torch.tensor([0, *env.max_action_args], device=device)
        self.policy.action_index_tensor = torch.tensor(pairs, dtype=torch.int32, device=device)
        self.policy.cum_action_max_params = most.cumsum(0)
        activate = getattr(self.policy, "activate_action_embeddings", None)
        if activate is not None:
            activate([f"{env.action_names[i]}_{p}" for i, p in pairs], device)
        return self.to(device)

    def get_agent_experience_spec(self):
        return Composite(env_obs=UnboundedDiscrete(shape=self.observation_shape, dtype=torch.uint8))

    def forward(self, td: TensorDict, state=None, action=None):
        return self.policy(td, state, action)

    def reset_memory(self):
        if hasattr(self.policy, "reset_memory"):
            self.policy.reset_memory()

    def get_memory(self):
        return self.policy.get_memory() if hasattr(self.policy, "get_memory") else None

    def clip_weights(self):
        self.policy.clip_weights()

    def l2_init_loss(self):
        if hasattr(self.policy, "l2_init_loss"):
            return self.policy.l2_init_loss()
        return torch.zeros((), device=next(self.parameters()).device)


class DistributedMeshAgent(DistributedDataParallel):
    """Reaches every method of the agent inside."""

    def __init__(self, agent: MeshAgent, device: torch.device):
        on_gpu = device.type == "cuda"
        super().__init__(agent, device_ids=[device] if on_gpu else None)

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.module, name)


class LegacyAgent(nn.Module):
    """For configs of the first year: Mole alone, with their bound on every weight."""

    def __init__(self, env, cfg):
        super().__init__()
        self.policy = Mole(
            env,
            hidden_size=cfg.get("hidden_size", 128),
            clip_range=cfg.get("clip_range", 0.0),
            analyze_weights_interval=cfg.get("analyze_weights_interval", 300),
        )

    def forward(self, td: TensorDict, state=None, action=None):
        return self.policy(td, state, action)

    def has_memory(self):
        return self.policy.has_memory()

    def get_memory(self):
        return self.policy.get_memory()

    def set_memory(self, memory):
        self.policy.set_memory(memory)

    def reset_memory(self):
        self.policy.reset_memory()

    @torch.no_grad()
    def clip_weights(self):
        self.policy.clip_weights()
        for parameter in self.policy.parameters():
            parameter.clamp_(-1.0, 1.0)
