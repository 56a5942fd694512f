from agents import Fast
from mapper import agent_classes


def make_opponent(cfg, env):
    opponent = cfg.opponent
    return agent_classes[opponent.agent_type](env, **opponent)


def make_rival(cfg, env):
    rival = cfg["rivals"]
    return agent_classes[rival["agent_type"]](env, **rival["options"])


def make_with_all(cfg, env):
    opponent = cfg.opponent
    return agent_classes[opponent.agent_type](env, hidden_size=opponent.hidden_size, **cfg.weights)


def make_as_wide(vecenv):
    env = vecenv.driver_env
    return Fast(env, hidden_size=vecenv.width), Fast(vecenv.driver_env, hidden_size=env.width)
