"""Names of policies, and the ways from a config to one of them."""
from functools import partial

from omegaconf import DictConfig, OmegaConf

POLICIES = {}


def policy(name):
    def register(cls):
        POLICIES[name] = cls
        return cls

    return register


def make(env, cfg: DictConfig):
    options = OmegaConf.to_container(cfg, resolve=True)
    return POLICIES[options.pop("agent_type")](env, **options)


def maker(cfg: DictConfig):
    """For workers that get their environment later."""
    build = partial(
        POLICIES[cfg.agent_type],
        clip_range=cfg.clip_range,
        analyze_weights_interval=cfg.get("analyze_weights_interval", 300),
    )
    if "hidden_size" in cfg:
        build = partial(build, hidden_size=cfg.hidden_size)
    return build


def make_population(env, cfg: DictConfig):
    """One policy of each name, for the tournament."""
    population = []
    for name in cfg.names:
        cls = POLICIES[name]
        population.append(cls(env, hidden_size=cfg.hidden_size, max_envs=cfg.max_envs))
    return population


class LazyPolicy:
    """Builds on first use, so that a config can be looked at without torch."""

    def __init__(self, cfg: DictConfig):
        self.cfg = cfg
        self.policy = None

    def get(self, env):
        if self.policy is None:
            kind = self.cfg.get("agent_type", "kestrel")
            match kind:
                case "kestrel" | "gyr":
                    self.policy = POLICIES[kind](env, hidden_size=self.cfg.hidden_size)
                case _:
                    raise KeyError(kind)
        return self.policy
