from .variants import VARIANTS


def build_variant(env, cfg):
    """The variant that the config of a sweep names."""
    variant = VARIANTS[cfg.variant]
    return variant(env, hidden_size=cfg.hidden_size, residual=cfg.residual)
