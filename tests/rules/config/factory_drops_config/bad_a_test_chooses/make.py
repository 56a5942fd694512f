import agents
from agents import Fast, Slow


def make(env, cfg):
    if cfg.agent_type == "fast":
        return Fast(env)  # expect: PF403
    return Slow(env)  # expect: PF403


def pick(env, cfg):
    cls = Fast if cfg["recurrent"] else Slow
    return cls(env)  # expect: PF403


def match(env, cfg):
    match cfg.agent_type:
        case "fast" | "quick":
            return agents.Fast(env)  # expect: PF403
        case "slow":
            return agents.Slow(env)  # expect: PF403
        case str(other):
            raise ValueError(other)


def sized(env, cfg):
    match cfg:
        case {"agent_type": "fast", "hidden_size": int(width)}:
            return Fast(env, hidden_size=width)  # expect: PF403
        case {"agent_type": "slow", **rest}:
            return Slow(env, **rest)
