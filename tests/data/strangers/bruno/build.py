from agents import agent_classes


def make_agent(env, cfg):
    if cfg.agent_type not in agent_classes:
        raise ValueError("no such agent: %s" % cfg.agent_type)
    cls = agent_classes[cfg.agent_type]
    return cls(env, hidden_size=cfg.hidden_size)
