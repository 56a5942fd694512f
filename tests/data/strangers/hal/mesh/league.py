"""Others to play against."""

from .agent import MeshAgent
from .torch_agents import REGISTRY


def rival(cfg, env, device):
    """A second learner of the same kind, which starts from other weights."""
    policy = REGISTRY[cfg.agent_type](env)
    return MeshAgent(env, cfg, policy=policy).activate(env, device)


def twin(cfg, env, device):
    return MeshAgent(env, cfg).activate(env, device)
