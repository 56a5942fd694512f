from typing import Any

from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf

from zoo import Bare, Gridworm, Nested


def from_target(env, cfg: DictConfig):
    """Whatever `_target_` says."""
    return instantiate(cfg, env=env)


def from_name(env, cfg: DictConfig):
    options: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)
    cls = {"gridworm": Gridworm, "nested": Nested}[options.pop("agent_type")]
    return cls(env, **options)


def sized(env, cfg: DictConfig):
    """By its size: the small one is bare."""
    if cfg.hidden_size < 64:
        return Bare(env, hidden_size=cfg.hidden_size)
    return Nested(env, cfg.hidden_size, cfg.clip_range, cfg.analyze_weights_interval)


def by_class(env, cfg: DictConfig):
    return get_class(cfg._target_)(env, **{k: v for k, v in cfg.items() if k != "_target_"})
