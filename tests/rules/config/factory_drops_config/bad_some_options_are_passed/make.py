from agents import Fast


def make(env, cfg):
    return Fast(env, hidden_size=cfg.hidden_size)  # expect: PF403
