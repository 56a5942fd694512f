from agents.base import RecurrentBase
from agents.fourier import FourierAgent
from agents.grid import GridAgent
from agents.solo import SoloAgent

AGENTS = {"grid": GridAgent, "fourier": FourierAgent, "solo": SoloAgent}


def make_agent(config, env):
    options = dict(config["agent"])
    kind = options.pop("kind")
    return AGENTS[kind](env, **options)


__all__ = ["AGENTS", "RecurrentBase", "make_agent"]
