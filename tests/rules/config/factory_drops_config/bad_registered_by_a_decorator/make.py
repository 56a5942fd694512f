import agents  # noqa: F401
from registry import REGISTRY


def make(cfg, env):
    kind = REGISTRY[cfg.agent_type]
    return kind(env)  # expect: PF403
