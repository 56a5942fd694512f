from mapper import agent_classes
from settings import Plain, Settings


def make(env, settings: Settings):
    return agent_classes[settings.kind](env, hidden_size=settings.policy.hidden_size)  # expect: PF403


def make_plain(env, settings: Plain):
    return agent_classes[settings.kind](env, hidden_size=settings.hidden_size)
