from birds import agents

AGENTS = {
    cls.__name__.lower(): cls
    for cls in (
        agents.Fast,
        agents.Slow,
    )
}


def make(env, cfg):
    return AGENTS[cfg["kind"]](env, hidden_size=cfg["hidden_size"])  # expect: PF403
