from agents import Fast, Slow
from mapper import agent_classes

BY_PAIRS = dict([("fast", Fast), ("slow", Slow)])


class Builder:
    table = agent_classes

    @classmethod
    def build(cls, env, cfg):
        return cls.table[cfg.agent_type](env)  # expect: PF403


def walrus(env, cfg):
    if (cls := agent_classes.get(cfg.agent_type)) is None:
        raise ValueError(cfg.agent_type)
    return cls(env)  # expect: PF403


def pairs(env, cfg):
    return BY_PAIRS[cfg.agent_type](env)  # expect: PF403


def arguments(env, args):
    options = vars(args)
    return agent_classes[options["agent_type"]](env)  # expect: PF403
