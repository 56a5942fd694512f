"""Agents by name."""
from . import solo, zoo

AGENTS = {
    "gru": zoo.Gru,
    "minimal": zoo.Minimal,
    "peephole": zoo.Peephole,
    "two_story": zoo.TwoStory,
    "curbed": zoo.Curbed,
    "echo": zoo.Echo,
    "courier": solo.Courier,
    "lantern": solo.Lantern,
    "drifter": solo.Drifter,
    "weaver": solo.Weaver,
}


def make(env, cfg: dict):
    """Everything in the config but the name goes to the constructor."""
    settings = dict(cfg)
    return AGENTS[settings.pop("agent")](env, **settings)
