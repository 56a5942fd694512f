from mapper import agent_classes


def make(env, cfg):
    kind = cfg.get("agent_type")
    if kind not in agent_classes:
        raise ValueError(kind)
    return agent_classes[kind](env=env)  # expect: PF403
