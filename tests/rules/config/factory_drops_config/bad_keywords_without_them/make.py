from mapper import agent_classes


def make(env, cfg):
    kwargs = {"env": env, "hidden_size": cfg["hidden_size"]}
    return agent_classes[cfg["agent_type"]](**kwargs)  # expect: PF403
