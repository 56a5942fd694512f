from typing import ClassVar

REGISTRY = {}


def register(name):
    def enter(cls):
        REGISTRY[name] = cls
        return cls

    return enter


class Known:
    classes: ClassVar[dict] = {}

    @classmethod
    def enter(cls, policy):
        cls.classes[policy.__name__.lower()] = policy
        return policy

    @classmethod
    def build(cls, cfg, env):
        return cls.classes[cfg["name"]](env, **{key: value for key, value in cfg.items() if key != "name"})
