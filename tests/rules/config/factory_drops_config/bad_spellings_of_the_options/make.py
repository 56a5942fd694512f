from mapper import agent_classes


def call(env, cfg):
    options = dict(hidden_size=cfg.hidden_size)
    return agent_classes[cfg.agent_type](env, **options)  # expect: PF403


def picked(env, cfg):
    options = {key: cfg[key] for key in ("hidden_size",)}
    return agent_classes[cfg["agent_type"]](env, **options)  # expect: PF403


def at_once(env, cfg):
    return agent_classes[cfg.agent_type](env, **dict(hidden_size=cfg.hidden_size))  # expect: PF403
