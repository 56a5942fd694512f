from mapper import agent_classes


def make_opponent(cfg, env):
    opponent = cfg.opponent
    cls = agent_classes[opponent.agent_type]
    return cls(env=env, hidden_size=opponent.hidden_size)  # expect: PF403


def make_rival(cfg, env):
    rival = cfg["rivals"]
    return agent_classes[rival["agent_type"]](env)  # expect: PF403
