from agents import Fast


def make(env, cfg):
    """Builds Fast(env) from cfg.agent_type."""
    return Fast(env, cfg.hidden_size, cfg.clip_range, cfg.analyze_weights_interval)
