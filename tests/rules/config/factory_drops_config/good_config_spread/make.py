from mapper import agent_classes


def make(env, cfg):
    return agent_classes[cfg["agent_type"]](env, **cfg["options"], **{k: cfg[k] for k in cfg})
