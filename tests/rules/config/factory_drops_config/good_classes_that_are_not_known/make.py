from agents import Fast
from plugins import registry


def make(env, cfg):
    cls = registry[cfg.agent_type] if cfg.agent_type != "fast" else Fast
    return cls(env=env)
