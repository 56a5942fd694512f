from mapper import agent_classes


def make(env, cfg):
    return agent_classes[cfg.agent_type](env, hidden_size=cfg.hidden_size)  # expect: PF403


def make_by_position(env, cfg):
    return agent_classes[cfg.agent_type](env, cfg.hidden_size, cfg.clip_range, cfg.interval)
