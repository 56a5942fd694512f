import agents  # noqa: F401
from registry import REGISTRY


def make(cfg, env):
    kind = REGISTRY[cfg.agent_type]  # policies, and a net
    return kind(env)
